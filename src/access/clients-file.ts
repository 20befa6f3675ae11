/** Reads `clients.toml`: who may start jobs, on which plan, how often, and what handlers are told of them. */
import type { JsonMap } from "../system/errors.ts";
import {
  type FileText,
  readTokenTables,
  refuseTaken,
  type TakenTokens,
  type TokenTable,
  wrong,
  wrongKey,
} from "./token-tables.ts";

export interface ClientEntry {
  readonly id: string;
  readonly hash: string;
  readonly plan: string | undefined;
  /** Undefined: without a limit. */
  readonly monthlyAttempts: number | undefined;
  /** All of the table but its token: `context.client.config`. */
  readonly config: JsonMap;
}

/** Whose jobs would be mixed with those of a table of this name. */
const RESERVED: ReadonlyMap<string, string> = new Map([
  ["default", "the client of CLIENT_TOKEN"],
  ["operator", "the operators"],
  ["internal-scheduler", "the schedules"],
]);
const NAME_LENGTH_MAX = 200;

export function readClients(file: FileText, taken: TakenTokens): readonly ClientEntry[] {
  const owners = new Map<string, string>();
  return readTokenTables(file, taken).map((table) => {
    refuseName(file, table.name);
    refuseTaken(file, table, owners);
    owners.set(table.hash, `[${table.name}]`);
    return entryOf(file, table);
  });
}

function entryOf(file: FileText, { name, hash, fields }: TokenTable): ClientEntry {
  const { plan, monthly_attempts: attempts } = fields;
  if (plan !== undefined && typeof plan !== "string") throw wrongKey(file, name, "plan", "a text in quotes", plan);
  if (attempts !== undefined && !isCount(attempts)) {
    const wanted = "a whole number from 0 on, or left out for no limit";
    throw wrongKey(file, name, "monthly_attempts", wanted, attempts);
  }
  return { id: name, hash, plan, monthlyAttempts: attempts, config: fields };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function refuseName(file: FileText, name: string): void {
  const whose = RESERVED.get(name);
  if (whose !== undefined) throw wrong(file, `[${name}] is the name of ${whose}: choose another.`);
  if (name.trim() === "" || name.length > NAME_LENGTH_MAX) {
    throw wrong(file, `["${name.slice(0, 20)}"] is no name for a client: give it 1 to ${NAME_LENGTH_MAX} characters.`);
  }
}
