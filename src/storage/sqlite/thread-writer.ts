/** The engine's side of the thread that writes. */
import type { Clock } from "../../system/clock.ts";
import { type JsonValue, Refusal } from "../../system/errors.ts";
import { WRITER_THREAD } from "../../threads.ts";
import type { GroupOutcome } from "../group-commit.ts";
import type { GroupFrame } from "./group-frame.ts";
import { type FromWriter, type PlainOutcome, type ToWriter, writeFrame } from "./thread-frames.ts";

export interface ThreadWriter {
  /** `changed`: jobs that somebody else has written since the last group. Never rejects. */
  write(group: GroupFrame, changed: readonly string[]): Promise<GroupOutcome>;
  /** Resolves when the thread has closed its connection and is gone. */
  close(): Promise<void>;
}

export interface ThreadWriterOptions {
  readonly path: string;
  readonly pagesMax: number | undefined;
  readonly clock: Clock;
}

/** At once: the first group waits until the thread has the database open. */
export function startThreadWriter({ path, pagesMax, clock }: ThreadWriterOptions): ThreadWriter {
  const thread = new Worker(WRITER_THREAD);
  let answer: (frame: FromWriter) => void = () => undefined;
  let died: Error | undefined;
  let dead: (error: Error) => void = () => undefined;
  thread.addEventListener("message", ({ data }: MessageEvent<FromWriter>) => answer(data));
  thread.addEventListener("error", ({ message }) => {
    died = new Error(`the thread that writes died: ${message}`);
    dead(died);
  });
  thread.addEventListener("close", () => {
    died ??= new Error("the thread that writes ended");
    dead(died);
  });

  /** One question at a time: the journal sends the next group when the last one is settled. */
  function ask(frame: ToWriter): Promise<FromWriter> {
    if (died) return Promise.reject(died);
    return new Promise((resolve, reject) => {
      answer = resolve;
      dead = reject;
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      thread.postMessage(frame);
    });
  }

  const opened = ask({ type: "open", path, pagesMax });
  // Said to the first group; a store that is never written to needs no thread.
  opened.catch(() => undefined);
  return {
    write(group, changed) {
      const written = opened.then(() => ask(writeFrame(group, changed, clock.nowMs())));
      return written.then(
        (frame) => (frame.type === "outcome" ? outcomeOf(frame.outcome) : lost(new Error(`it answered ${frame.type}`))),
        lost,
      );
    },
    async close() {
      await opened.catch(() => undefined);
      if (!died) await ask({ type: "close" });
      thread.terminate();
    },
  };
}

/** Nobody knows what the thread left on disk. */
function lost(error: unknown): GroupOutcome {
  return { type: "unknown", error };
}

function outcomeOf(outcome: PlainOutcome): GroupOutcome {
  if (outcome.type === "unknown") return { type: "unknown", error: new Error(outcome.reason) };
  if (outcome.type !== "stored") return outcome;
  const refused = outcome.refused.map(({ index, code, status, message, details }) => {
    const parsed = details === undefined ? undefined : (JSON.parse(details) as JsonValue);
    return [index, new Refusal(code, status, message, parsed)] as const;
  });
  return { type: "stored", refused: new Map(refused) };
}
