/** Reads `workers.toml`: the tokens of single workers, and of those whose ids fit a pattern. */
import { type FileText, readTokenTables, type TakenTokens, wrong } from "./token-tables.ts";

export interface WorkerEntry {
  /** An id, or a pattern: `*` stands for any characters, `?` for one. */
  readonly id: string;
  readonly hash: string;
}

export function readWorkers(file: FileText, taken: TakenTokens): readonly WorkerEntry[] {
  return readTokenTables(file, taken).map(({ name, hash }) => {
    if (name.trim() === "") throw wrong(file, `[""] is no id of a worker: name it as its WORKER_ID does.`);
    return { id: name, hash };
  });
}
