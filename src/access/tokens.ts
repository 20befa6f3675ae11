/** The three tokens of a server: configured, or made at its first start and kept as hashes. */
import type { Registers } from "../storage/port.ts";
import { Refusal } from "../system/errors.ts";
import type { Random } from "../system/random.ts";

export const AUDIENCES = ["client", "worker", "operator"] as const;
export type Audience = (typeof AUDIENCES)[number];

export type ConfiguredTokens = { readonly [Name in Audience]?: string };

export interface Tokens {
  /** SHA-256, hex. No shared one for workers where it was not wanted and is not configured. */
  readonly hashes: Readonly<Record<Exclude<Audience, "worker">, string>> & { readonly worker?: string | undefined };
  /** Made just now, in the clear: to be shown once and forgotten. */
  readonly made: ConfiguredTokens;
  /** Keeps those that were made, as hashes. Not before they are shown: a start that fails loses none. */
  keep(): Promise<void>;
}

export function tokensFromEnvironment(variables: Readonly<Record<string, string | undefined>>): ConfiguredTokens {
  const client = variables["CLIENT_TOKEN"];
  const worker = variables["GLOBAL_WORKER_TOKEN"] || variables["WORKER_TOKEN"];
  const operator = variables["OPERATOR_TOKEN"];
  return { ...(client && { client }), ...(worker && { worker }), ...(operator && { operator }) };
}

export async function ensureTokens(
  registers: Pick<Registers, "tokenHashes" | "saveTokenHashes">,
  random: Random,
  configured: ConfiguredTokens,
  /** Those that are made where they are not configured. */
  wanted: readonly Audience[] = AUDIENCES,
): Promise<Tokens> {
  refuseSharedOperator(configured);
  const stored = await registers.tokenHashes();
  const made: Partial<Record<Audience, string>> = {};
  const hashes: Partial<Record<Audience, string>> = {};
  for (const audience of AUDIENCES) {
    const given = configured[audience];
    if (given === undefined && !wanted.includes(audience)) continue;
    const kept = stored.get(audience);
    if (given === undefined && kept === undefined) made[audience] = makeToken(random);
    hashes[audience] = given === undefined ? (kept ?? hashOf(made[audience] ?? "")) : hashOf(given);
  }
  const { client = "", worker, operator = "" } = hashes;
  return {
    hashes: { client, worker, operator },
    made,
    async keep() {
      if (Object.keys(made).length > 0) await registers.saveTokenHashes(withMade(stored, made));
    },
  };
}

/** Each request pays for this, a fifth of a microsecond: faster by far than the hashes of node:crypto. */
export function hashOf(token: string): string {
  return Bun.SHA256.hash(token, "hex");
}

// A configured token is not stored: taking the setting away must take the token away.
function withMade(stored: ReadonlyMap<string, string>, made: ConfiguredTokens): ReadonlyMap<string, string> {
  const all = new Map(stored);
  for (const [audience, token] of Object.entries(made)) all.set(audience, hashOf(token));
  return all;
}

function makeToken(random: Random): string {
  return Buffer.from(random.bytes(32)).toString("base64url");
}

function refuseSharedOperator({ client, worker, operator }: ConfiguredTokens): void {
  if (operator === undefined || (operator !== client && operator !== worker)) return;
  const message =
    "OPERATOR_TOKEN equals the token of clients or workers, which would make them all operators: set a token of its own.";
  throw new Refusal("TOKENS_EQUAL", 500, message);
}
