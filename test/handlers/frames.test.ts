import { describe, expect, test } from "bun:test";
import {
  type FromThread,
  readFromThread,
  readToThread,
  type ToThread,
  writeFromThread,
  writeToThread,
} from "../../src/handlers/frames.ts";
import type { StoreUse } from "../../src/job/data-store.ts";
import type { TaskOrder } from "../../src/job/model.ts";
import { turnOf } from "./blueprints.ts";

const awkward = '{\n "text": "é 😀 \\n \\u2028",\n\n "lengths": [1]}\n';
const order = (params: string): TaskOrder => ({
  type: "resize",
  params,
  transitions: { success: "done" },
  strategy: "default",
  priority: 0,
  retry: { maxAttempts: 4, backoffMs: 1, factor: 2, maxBackoffMs: 10 },
});

describe("a batch of frames", () => {
  test("brings to a thread what was sent, whatever the texts hold", () => {
    const messages: ToThread[] = [
      { kind: "bundle", hash: "h", path: "/a b/\n.js" },
      { kind: "run", run: 1, isAlone: false, turn: turnOf("h", { initialData: awkward, stateHistory: "{}" }) },
      {
        kind: "run",
        run: 2,
        isAlone: true,
        turn: turnOf("h", { merge: awkward, aggregation: "{}", error: { code: "A", message: "b" } }),
      },
      { kind: "answer", ask: 3, json: awkward },
      { kind: "answer", ask: 4 },
      { kind: "answer", ask: 6, version: 3, json: awkward },
      { kind: "answer", ask: 7, again: true },
      { kind: "answer", ask: 5, problem: "no\nstore" },
      { kind: "abort", run: 1 },
      { kind: "ping", ping: 9 },
    ];

    const read = readToThread(messages.map(writeToThread).join(""));

    expect(read.map(withoutLengths)).toEqual(messages);
  });

  test("brings from a thread what was answered, each text in its place", () => {
    const step = { state: "a", startedAtMs: 1, durationMs: 0.5 };
    const steps = [
      { ...step, next: "b", patch: awkward },
      { ...step, state: "b" },
      { ...step, patch: "{}" },
    ];
    const tasks = { kind: "tasks", state: "b", orders: [order(awkward), order("{}")], into: "sum" } as const;
    const broke = { kind: "broke", state: "a", error: { code: "X", message: "y" }, alone: false } as const;
    const dataStores: readonly StoreUse[] = [
      { store: "cache", reads: [["a\n", 0]], writes: [], keySet: 4 },
      {
        store: "counter",
        reads: [],
        writes: [
          ["a", awkward],
          ["b", undefined],
          ["c\n", "1"],
        ],
      },
    ];
    const messages: FromThread[] = [
      { kind: "ready" },
      { kind: "reply", run: 1, reply: { steps, stateHistory: awkward, ending: tasks } },
      { kind: "reply", run: 2, reply: { steps: [], ending: broke } },
      { kind: "reply", run: 3, reply: { steps, ending: tasks, dataStores } },
      { kind: "reply", run: 4, reply: { steps: [], ending: broke, dataStores, again: true } },
      { kind: "ask", ask: 1, askingJobId: "a", jobId: "b" },
      { kind: "ask-store", ask: 2, question: { jobId: "a", blueprint: "f", hash: "h", store: "s", key: "k\n" } },
      { kind: "pong", ping: 2 },
      { kind: "log", line: { level: "info", message: "a\nb", fields: { c: 1 } } },
    ];

    const read = readFromThread(messages.map(writeFromThread).join(""));

    expect(read.map(withoutLengths)).toEqual(messages);
  });

  test("without a frame is empty", () => {
    expect(readToThread("")).toEqual([]);
  });
});

/** The lengths are the frame's own business. */
function withoutLengths(message: object): object {
  const { lengths: _lengths, ...rest } = message as { lengths?: unknown };
  return rest;
}
