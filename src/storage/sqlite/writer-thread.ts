/**
 * Entry of the thread that writes: the engine's thread does not stand still while the disk syncs,
 * and checkpoints happen here too. It has a connection of its own and does one group at a time.
 */
import { Database } from "bun:sqlite";
import { messageOf } from "../../system/errors.ts";
import type { GroupOutcome } from "../group-commit.ts";
import { setUp } from "./database.ts";
import { createFault } from "./errors.ts";
import { unpackGroup } from "./encoded.ts";
import { type FromWriter, groupIn, type PlainOutcome, type ToWriter } from "./thread-frames.ts";
import { createWriter, type SqliteWriter } from "./writer.ts";

declare const self: Worker;

let nowMs = 0;
let database: Database | undefined;
let writer: SqliteWriter | undefined;

self.addEventListener("message", ({ data }: MessageEvent<ToWriter>) => {
  switch (data.type) {
    case "open":
      database = new Database(data.path, { readwrite: true, create: false });
      setUp(database);
      if (data.pagesMax !== undefined) database.run(`PRAGMA max_page_count = ${data.pagesMax}`);
      writer = createWriter(
        database,
        { nowMs: () => nowMs },
        createFault(() => undefined),
      );
      return say({ type: "opened" });
    case "write":
      nowMs = data.nowMs;
      if (data.more) writer?.forget(data.more.changed);
      return say({ type: "outcome", outcome: writer ? plain(writer.write(unpackGroup(groupIn(data)))) : notOpen });
    case "close":
      writer?.finalize();
      database?.close(true);
      return say({ type: "closed" });
  }
});

const notOpen: PlainOutcome = { type: "unknown", reason: "the writing thread has no database" };

function say(frame: FromWriter): void {
  postMessage(frame);
}

function plain(outcome: GroupOutcome): PlainOutcome {
  if (outcome.type === "unknown") return { type: "unknown", reason: messageOf(outcome.error) };
  if (outcome.type !== "stored") return outcome;
  const refused = [...outcome.refused].map(([index, { code, status, message, details }]) => ({
    index,
    code,
    status,
    message,
    details: details === undefined ? undefined : JSON.stringify(details),
  }));
  return { type: "stored", refused };
}
