/** Rows beside a job's own that only some jobs have: its tags, its unique key, that it stands at a gate. */
import type { Database } from "bun:sqlite";
import { isTerminal, type Job, type JobStatus } from "../../job/model.ts";
import type { Refusal } from "../../system/errors.ts";
import { uniqueKeyTaken } from "../refusals.ts";
import type { FramePacker, FrameReader } from "./group-frame.ts";
import type { StoredText } from "./text.ts";

export interface EncodedMarks {
  /** Of a new job: they never change. */
  readonly tags: readonly StoredText[];
  readonly unique: readonly [client: StoredText, blueprint: StoredText, key: StoredText] | undefined;
  readonly isAtGate: boolean;
}

const NONE: readonly never[] = [];

export function putMarks(packer: FramePacker, { tags, uniqueKey, gate, client, blueprint }: Job, isNew: boolean): void {
  const isTagged = isNew && tags !== undefined && tags.length > 0;
  const isMarked = isTagged || uniqueKey !== undefined || gate !== undefined;
  packer.yes(isMarked);
  if (!isMarked) return;
  const distinct = isTagged ? [...new Set(tags)] : NONE;
  packer.number(distinct.length);
  for (const tag of distinct) packer.text(tag);
  packer.yes(uniqueKey !== undefined);
  if (uniqueKey !== undefined) for (const name of [client.id, blueprint, uniqueKey]) packer.text(name);
  packer.yes(gate !== undefined);
}

export function takeMarks(reader: FrameReader): EncodedMarks | undefined {
  if (!reader.yes()) return undefined;
  return {
    tags: reader.list(() => reader.stored()),
    unique: reader.yes() ? [reader.stored(), reader.stored(), reader.stored()] : undefined,
    isAtGate: reader.yes(),
  };
}

interface Row {
  readonly id: string;
  readonly number: number;
  readonly status: JobStatus;
}

export class JobMarks {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database) {
    this.#statements = prepare(database);
  }

  /** `before`: its status until now; undefined: it is new. */
  refusalOf(id: string, { unique }: EncodedMarks, before: JobStatus | undefined): Refusal | undefined {
    // An open job has its key already.
    if (!unique || isOpen(before)) return undefined;
    const [holder] = this.#statements.holder.values(...unique) as unknown as [string][];
    return holder === undefined || holder[0] === id ? undefined : uniqueKeyTaken(holder[0]);
  }

  write({ id, number, status }: Row, { tags, unique, isAtGate }: EncodedMarks, before: JobStatus | undefined): void {
    const statements = this.#statements;
    for (const tag of tags) statements.tag.run(tag, id);
    if (isOpen(status)) {
      if (unique && !isOpen(before)) statements.take.run(...unique, id);
      if (isAtGate) statements.enter.run(number);
    } else if (isOpen(before)) {
      if (unique) statements.free.run(...unique);
      if (isAtGate) statements.leave.run(number);
    }
  }

  finalize(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }
}

function isOpen(status: JobStatus | undefined): boolean {
  return status !== undefined && !isTerminal(status);
}

function prepare(database: Database) {
  return {
    tag: database.prepare("INSERT INTO tags (tag, job) VALUES (?, ?)"),
    holder: database.prepare("SELECT job FROM unique_keys WHERE client = ? AND blueprint = ? AND key = ?"),
    take: database.prepare("INSERT INTO unique_keys (client, blueprint, key, job) VALUES (?, ?, ?, ?)"),
    free: database.prepare("DELETE FROM unique_keys WHERE client = ? AND blueprint = ? AND key = ?"),
    enter: database.prepare("INSERT OR IGNORE INTO gates (job) VALUES (?)"),
    leave: database.prepare("DELETE FROM gates WHERE job = ?"),
  };
}
