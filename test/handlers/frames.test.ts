import { describe, expect, test } from "bun:test";
import {
  createFromThreadReader,
  createFromThreadWriter,
  createToThreadReader,
  createToThreadWriter,
  type FromThread,
  type ToThread,
} from "../../src/handlers/frames.ts";
import { Packer } from "../../src/handlers/packing.ts";
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

    expect(acrossToThread(messages)).toEqual(messages);
  });

  test("brings to a thread whose turn it is, though turns of others came before and after it", () => {
    const ours = { id: "ours", plan: "free", config: { size: 1 } };
    const turns = [
      turnOf("h", { client: ours, jobId: "job-1" }),
      turnOf("h", { client: ours, jobId: "job-2", attempt: 300, steps: 7 }),
      turnOf("h", { client: { ...ours, id: "theirs" } }),
      turnOf("h", { client: ours, blueprint: "other" }),
      turnOf("other", { client: ours, blueprint: "other" }),
      turnOf("other", { client: ours, blueprint: "other", maxSteps: 7, timeoutMs: 0.5 }),
      turnOf("other", { client: ours, blueprint: "other", defaults: { maxAttempts: 4, priority: -1.5 } }),
      turnOf("other", { client: ours, blueprint: "other", defaults: { maxAttempts: 4, dispatchTimeoutMs: 9 } }),
      turnOf("h", { client: ours, jobId: "job-1" }),
    ];
    const messages = turns.map((turn, run): ToThread => ({ kind: "run", run, isAlone: false, turn }));

    expect(acrossToThread(messages)).toEqual(messages);
  });

  test("brings each turn a client of its own, as its handlers may write to it", () => {
    const messages = [1, 2].map((run): ToThread => ({ kind: "run", run, isAlone: false, turn: turnOf("h") }));

    const [first, second] = createToThreadReader()(toThread(messages));

    if (first?.kind !== "run" || second?.kind !== "run") throw new Error("two turns were sent");
    expect(first.turn.client).toBe(first.turn.client);
    expect(first.turn.client).not.toBe(second.turn.client);
  });

  test("brings from a thread what was answered, each text in its place", () => {
    const step = { state: "a", startedAtMs: 1, durationMs: 0.5 };
    const steps = [
      { ...step, next: "b", patch: awkward, startedAtMs: 1_798_000_000_000 },
      { ...step, state: "b", durationMs: 1_234.57, error: { code: "A", message: "b" } },
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

    expect(createFromThreadReader()(fromThread(messages))).toEqual(messages);
  });

  test("brings from a thread orders of every kind, and no two for one another", () => {
    const orders: TaskOrder[] = [
      order("{}"),
      order(awkward),
      { ...order("{}"), priority: -1.5 },
      order("[2]"),
      { ...order("{}"), transitions: { success: "other" }, eventTransitions: { seen: "done" } },
      { ...order("{}"), transitions: { success: "other" }, eventTransitions: { seen: "other" } },
      { ...order("{}"), transitions: { success: "other" } },
      { ...order("{}"), transitions: { success: "other", failure: "failed" } },
      { ...order("{}"), transitions: { success: "other" } },
      { ...order("{}"), retry: { ...order("{}").retry, backoffMs: 2 } },
      { ...order("{}"), strategy: "cheapest" },
      { ...order("{}"), maxCost: 1 },
      { ...order("{}"), timeoutMs: 1 },
      { ...order("{}"), dispatchTimeoutMs: 1 },
      { ...order("{}"), requirements: { cpuCores: 3 } },
      { ...order("{}"), maxCost: 0.5, dispatchTimeoutMs: 1, timeoutMs: 2, requirements: { cpuCores: 2 } },
      { ...order("{}"), outputSchema: { type: "object", description: "x".repeat(2_000) } },
    ];
    const messages = Array.from({ length: 600 }, (_, run): FromThread => {
      const ending = {
        kind: "tasks",
        state: "a",
        orders: [...orders, { ...order("{}"), type: `type-${run}` }],
      } as const;
      return { kind: "reply", run, reply: { steps: [], ending } };
    });

    expect(createFromThreadReader()(fromThread([...messages, ...messages]))).toEqual([...messages, ...messages]);
  });

  test("leaves nothing behind of a message that is no JSON", () => {
    const packer = new Packer();
    const log = (fields: object): FromThread => ({ kind: "log", line: { level: "info", message: "a", fields } });

    const write = createFromThreadWriter();
    expect(() => write(packer, log({ size: 1n }))).toThrow();
    write(packer, log({ size: 1 }));

    expect(createFromThreadReader()(packer.take())).toEqual([log({ size: 1 })]);
  });

  test("without a frame is empty", () => {
    expect(createToThreadReader()("")).toEqual([]);
  });
});

function toThread(messages: readonly ToThread[]): string {
  const packer = new Packer();
  const write = createToThreadWriter();
  for (const message of messages) write(packer, message);
  return packer.take();
}

function fromThread(messages: readonly FromThread[]): string {
  const packer = new Packer();
  const write = createFromThreadWriter();
  for (const message of messages) write(packer, message);
  return packer.take();
}

/** A turn's client is only made when it is looked at. */
function acrossToThread(messages: readonly ToThread[]): ToThread[] {
  const read = createToThreadReader()(toThread(messages));
  return read.map((message) =>
    message.kind === "run" ? { ...message, turn: { ...message.turn, client: message.turn.client } } : message,
  );
}
