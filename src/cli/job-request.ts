/** What the commands that send something to one job have in common. */
import type { Command } from "commander";
import type { Flags } from "./command.ts";

export function jobPath(id: string, action: string): string {
  return `/api/jobs/${encodeURIComponent(id)}/${action}`;
}

export function withIdempotencyKey(command: Command): Command {
  return command.option("--idempotency-key <key>", "sent again with the same key, it is carried out once");
}

export function idempotencyHeader(flags: Flags): Record<string, string> {
  const key = flags["idempotencyKey"];
  return typeof key === "string" ? { "idempotency-key": key } : {};
}
