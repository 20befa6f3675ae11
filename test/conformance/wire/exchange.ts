/** What an exchange is: requests, and the answers that a peer of the original expects. */
import { createHmac } from "node:crypto";

export type Source =
  /** Traffic between the original and its workers, as it was recorded. */
  | "recorded"
  /** Recorded, where ours answers otherwise on purpose: `differs` says why. */
  | "recorded, ours differs"
  /** From the text of the wire contract. */
  | "contract";

export interface Signing {
  readonly token: string;
  readonly signer?: string;
  /** How far the signer's clock is ahead. */
  readonly aheadSeconds?: number;
  /** Changed on its way, after it was signed. */
  readonly changed?: object;
}

export interface Step {
  /** Method and path. `{job}`, `{task}` and the like stand for what an earlier answer said. */
  readonly send: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, or a text that is sent as it is. */
  readonly body?: unknown;
  /** The body is sent signed. */
  readonly sign?: Signing;
  readonly status: number;
  /** Media type of the answer. */
  readonly type?: string;
  /** What has to be in the answer: objects may hold more, lists and values are as they are. */
  readonly answer?: unknown;
  /** Of what the answer begins with, where it is no JSON. */
  readonly text?: string;
  /** Stands somewhere in it. */
  readonly holds?: string;
  readonly answerHeaders?: Readonly<Record<string, string>>;
  /** The answer may not hold these keys. */
  readonly without?: readonly string[];
  /** Names for what the answer says. */
  readonly keep?: Readonly<Record<string, string>>;
  /** Asked again until the answer is this one, as a person would. */
  readonly eventually?: true;
}

export interface Exchange {
  readonly name: string;
  readonly source: Source;
  readonly differs?: string;
  readonly steps: readonly Step[];
}

export type Known = Map<string, string>;

/** As the signers of the later generation do it (contract 5.8). */
export function signed(body: object, { token, signer, aheadSeconds = 0, changed = {} }: Signing): object {
  const message = { ...body, timestamp: Math.floor(Date.now() / 1_000) + aheadSeconds };
  const signature = createHmac("sha256", token).update(sortedText(message)).digest("hex");
  return { ...message, ...changed, security: { signature, ...(signer !== undefined && { signer_id: signer }) } };
}

function sortedText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isPlain(inner) ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

export function filled(value: unknown, known: Known): unknown {
  if (typeof value === "string")
    return value.replaceAll(/\{(\w+)\}/g, (whole, name: string) => known.get(name) ?? whole);
  if (Array.isArray(value)) return value.map((item) => filled(item, known));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, known)]));
}

/** A map of ours, and no matcher of the test's. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
