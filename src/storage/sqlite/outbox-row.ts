/** A row of the outbox, to and from what SQLite keeps. */
import type { SQLQueryBindings } from "bun:sqlite";
import type { OutboxKind, OutboxRow, OutboxWrite } from "../port.ts";
import type { FramePacker, FrameReader } from "./group-frame.ts";
import { fromStored, type StoredText } from "./text.ts";

export const OUTBOX_COLUMNS = "id, job, kind, destination, body, since, attempts, due_at, failed_at, error";

export type StoredOutboxRow = readonly [
  id: StoredText,
  job: string,
  kind: OutboxKind,
  destination: StoredText,
  body: StoredText,
  sinceMs: number,
  attempts: number,
  dueAtMs: number | null,
  failedAtMs: number | null,
  error: StoredText | null,
];

/** A row is never due before an earlier one of its job and destination. */
export const INSERT_OUTBOX = `INSERT INTO outbox (id, job, kind, destination, body, since, attempts, due_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0,
    max(?6, coalesce((SELECT max(due_at) FROM outbox WHERE job = ?2 AND destination = ?4), ?6)))`;

export function putOutboxRow(packer: FramePacker, jobId: string, row: OutboxWrite): void {
  const { id, kind, destination = kind, body, dueAtMs } = row;
  packer.text(id);
  packer.text(jobId);
  packer.text(kind);
  packer.text(destination);
  packer.text(body);
  packer.number(dueAtMs);
}

export function takeOutboxRow(reader: FrameReader): SQLQueryBindings[] {
  return [reader.stored(), reader.text(), reader.text(), reader.stored(), reader.stored(), reader.number()];
}

export function toOutboxRow(row: StoredOutboxRow): OutboxRow {
  return {
    id: fromStored(row[0]),
    jobId: row[1],
    kind: row[2],
    destination: fromStored(row[3]),
    body: fromStored(row[4]),
    sinceMs: row[5],
    attempts: row[6],
    dueAtMs: row[7] ?? undefined,
    failedAtMs: row[8] ?? undefined,
    error: row[9] === null ? undefined : fromStored(row[9]),
  };
}
