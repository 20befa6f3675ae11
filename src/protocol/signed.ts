/**
 * What a signed message of a worker is signed over (wire contract, 5.8): its JSON without the signature, keys sorted, without
 * nulls and spaces. Numbers stay as they were written: 1.0 and 1 are one number and two texts.
 */
import { isObject, parseShallow } from "./json.ts";

/** A message as it came, with each number as its text. */
export type Written = Readonly<Record<string, unknown>>;

export interface Signed {
  readonly signature: string;
  /** Who says to have signed it. */
  readonly signerId: unknown;
  /** Unix seconds, as it came. */
  readonly timestamp: unknown;
  /** The texts that it may stand for: workers differ in whether they leave out nulls inside of what they were given. */
  readonly texts: readonly string[];
}

/** Not the signer's: what others add on the way of an event. */
const ADDED = ["bubbling_chain"];

class NumberText {
  constructor(readonly text: string) {}
}

/** Costs next to nothing where nobody has signed anything. */
export function mayBeSigned(text: string): boolean {
  return text.includes('"signature"');
}

export function readWritten(text: string): unknown {
  // Too deep a text is refused here; reading it once more below cannot fail.
  parseShallow(text);
  return JSON.parse(text, withTexts as (key: string, value: unknown) => unknown);
}

function withTexts(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === "number" ? new NumberText(source ?? String(value)) : value;
}

/** Undefined: it is not signed. A signature that is no text is one that fits nothing. */
export function signedOf(message: Written): Signed | undefined {
  const { security, ...rest }: Record<string, unknown> = message;
  const signature = isObject(security) ? (security["signature"] ?? undefined) : undefined;
  if (signature === undefined || !isObject(security)) return undefined;
  for (const name of ADDED) delete rest[name];
  const { timestamp } = rest;
  return {
    signature: typeof signature === "string" ? signature : "",
    signerId: security["signer_id"] ?? undefined,
    timestamp: timestamp instanceof NumberText ? Number(timestamp.text) : timestamp,
    texts: [canonical(rest, true), canonical(withoutNulls(rest), false)],
  };
}

function withoutNulls(message: Written): Written {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== null));
}

function canonical(value: unknown, leavesOutNulls: boolean): string {
  if (value instanceof NumberText) return value.text;
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, leavesOutNulls)).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, item]) => !(leavesOutNulls && item === null));
  entries.sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item, leavesOutNulls)}`).join(",")}}`;
}
