/**
 * The gate of a blueprint, before which new jobs wait for their turn: how many may run at once, and
 * which of them count together. A job that waits inside, for a timer or for a person, counts as running.
 */
import { createHash } from "node:crypto";

/** Where a job stands, as it is stored with the job. */
export interface GatePlace {
  readonly sinceMs: number;
  /** The job's visit when it came here: after a retry it comes anew. Left out: by an earlier version. */
  readonly visit?: number | undefined;
  /** It may run. Left out: it waits. */
  readonly isIn?: true | undefined;
  /** The limit when it came: it holds where its blueprint does not serve any more. Left out: there was none. */
  readonly max?: number | undefined;
  /** As the blueprint wrote it. */
  readonly key?: string | undefined;
  /** JSON text of what `key` led to. Left out: nothing was there, which is a group too. */
  readonly value?: string | undefined;
}

/** A longer value is told apart by its hash: it is kept with each job, and shown. */
const VALUE_LENGTH_MAX = 200;

export function groupValue(value: unknown): string | undefined {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined || text.length <= VALUE_LENGTH_MAX) return text;
  return JSON.stringify(`sha256:${createHash("sha256").update(text).digest("hex")}`);
}

/** Jobs with the same name count together. */
export function groupName(blueprint: string, { key, value }: Pick<GatePlace, "key" | "value">): string {
  return JSON.stringify(key === undefined ? [blueprint] : [blueprint, key, value ?? null]);
}
