/** A queue whose tasks are not whole in memory gives out the same as one that holds all of them. */
import { describe, expect, test } from "bun:test";
import { Dispatch } from "../../../actors/dispatcher/decide.ts";
import type { DispatcherEffect, DispatcherMessage } from "../../../actors/dispatcher/messages.ts";
import { type QueuedTask, type TaskBody, taskKey, type TaskPlace } from "../../../actors/dispatcher/task.ts";
import { viewOf } from "../../../actors/worker-registry/record.ts";
import type { TaskOrder } from "../../../src/job/model.ts";
import { Chance } from "../../simulation/chance.ts";
import { idOf } from "../../storage/sample.ts";

const RETRY = { maxAttempts: 4, backoffMs: 1, factor: 2, maxBackoffMs: 1 };
const RECORDS = [
  { supported_tasks: ["a", "b"] },
  { supported_tasks: ["b"], cost_per_second: 2 },
  { supported_tasks: ["a"], task_type_limits: { a: 1 }, cost_per_second: 1 },
  { supported_tasks: ["a", "c"], resources: { properties: { zone: "eu" } } },
];

type Said = Exclude<DispatcherEffect, { type: "fetch" | "judge-costs-later" }>;

/** A dispatcher with its shell: bodies come from where every task was put. */
class Counter {
  readonly dispatch: Dispatch;
  readonly said: Said[] = [];
  readonly later: DispatcherMessage[] = [];
  fetched = 0;

  constructor(
    bytesMax: number,
    readonly store: ReadonlyMap<string, QueuedTask>,
  ) {
    this.dispatch = new Dispatch(bytesMax);
  }

  take(message: DispatcherMessage): void {
    const messages = [message];
    for (let next = messages.shift(); next; next = messages.shift()) {
      for (const effect of this.dispatch.decide(next)) {
        if (effect.type === "judge-costs-later") this.later.push({ type: "judge-costs", taskType: effect.taskType });
        else if (effect.type === "fetch") messages.push(this.answer(effect));
        else this.said.push(effect);
      }
    }
  }

  answer({ line, tasks }: Extract<DispatcherEffect, { type: "fetch" }>): DispatcherMessage {
    this.fetched += tasks.length;
    return { type: "bodies", line, tasks, bodies: tasks.map((task) => this.#bodyOf(keyOf(task))) };
  }

  #bodyOf(key: string): TaskBody | undefined {
    const task = this.store.get(key);
    return task && { order: task.order };
  }

  get came(): string[] {
    return this.said.splice(0).map((effect) => {
      if (effect.type === "assign")
        return `${keyOf(effect.task)} run ${effect.task.attempt} to ${effect.workerId} ${effect.task.order.params} ${effect.task.again}`;
      if (effect.type === "stop-task") return `${keyOf(effect.task)} ${effect.cancel} at ${effect.workerId}`;
      return effect.type === "too-expensive" ? `${keyOf(effect.task)} too expensive` : JSON.stringify(effect);
    });
  }
}

function keyOf({ jobId, visit, slot }: TaskPlace): string {
  return taskKey(jobId, visit, slot);
}

function taskOf(job: number, order: Partial<TaskOrder> = {}, more: Partial<QueuedTask> = {}): QueuedTask {
  const jobId = idOf(job);
  const params = JSON.stringify({ job });
  return {
    jobId,
    visit: 1,
    slot: 0,
    attempt: 1,
    order: { type: "a", params, transitions: {}, strategy: "default", priority: 0, retry: RETRY, ...order },
    begun: false,
    queuedAtMs: job,
    again: false,
    ...more,
  };
}

/** Worker, room, and task after task: what each of the two says to the same. */
function compare(seed: number, bytesMax: number): { fetched: number; assigned: number } {
  const chance = new Chance(seed);
  const store = new Map<string, QueuedTask>();
  const [spilling, whole] = [new Counter(bytesMax, store), new Counter(Number.MAX_SAFE_INTEGER, store)];
  const assigned: { readonly workerId: string; readonly task: QueuedTask }[] = [];
  let number = 0;
  let total = 0;
  const both = (message: DispatcherMessage) => {
    spilling.take(message);
    whole.take(message);
    for (const effect of whole.said) if (effect.type === "assign") assigned.push(effect);
    total = Math.max(total, assigned.length);
    expect(spilling.came).toEqual(whole.came);
    expect(spilling.dispatch.queued).toBe(whole.dispatch.queued);
  };
  const some = (): QueuedTask | undefined => chance.pick([...store.values()]);
  for (let step = 0; step < 400; step++) {
    const workerId = `w${chance.between(0, 3)}`;
    switch (chance.between(0, 9)) {
      case 0:
        both({ type: "worker", view: viewOf(workerId, chance.pick(RECORDS) ?? {}, chance.is(0.1)) });
        break;
      case 1:
        both({ type: "credit", workerId, tasks: chance.between(1, 3) });
        break;
      case 2:
        if (chance.is(0.3)) both({ type: "worker-gone", workerId });
        break;
      case 3: {
        const task = some();
        if (!task) break;
        const { jobId, visit, slot, attempt } = task;
        if (chance.is(0.5)) both({ type: "drop", jobId, visit, slot });
        else both({ type: "cancel", jobId, visit, slot, attempt });
        break;
      }
      case 4: {
        const known = some();
        if (!known) break;
        const task = { ...known, attempt: known.attempt + 1, queuedAtMs: known.queuedAtMs + 50, again: true };
        store.set(keyOf(task), task);
        both({ type: "queue", task });
        break;
      }
      case 5: {
        const given = chance.pick(assigned);
        if (!given) break;
        assigned.splice(assigned.indexOf(given), 1);
        if (chance.is(0.3)) both({ ...given, type: "returned" });
        else both({ type: "ended", workerId: given.workerId, task: given.task });
        break;
      }
      default: {
        const order = {
          type: chance.one("a", "a", "b", "c"),
          priority: chance.one(0, 0, 0, 5),
          ...(chance.is(0.1) && { maxCost: chance.one(1, 2) }),
          ...(chance.is(0.1) && { requirements: { zone: "eu" } }),
          strategy: chance.one("default", "round_robin"),
        } as const;
        const task = taskOf(++number, order, { begun: chance.is(0.2) });
        store.set(keyOf(task), task);
        both({ type: "queue", task });
        const job = chance.between(1, number);
        const key = taskKey(idOf(job), 1, 0);
        expect(spilling.dispatch.holds(idOf(job))).toBe(whole.dispatch.holds(idOf(job)));
        expect(spilling.dispatch.whereIs(key)).toEqual(whole.dispatch.whereIs(key));
      }
    }
  }
  return { fetched: spilling.fetched, assigned: total };
}

describe("a spilling queue", () => {
  for (const bytesMax of [0, 7_000, 40_000]) {
    test(`with room for ${bytesMax} bytes says at every step what one that holds all says`, () => {
      let fetched = 0;
      let assigned = 0;
      for (let seed = 1; seed <= 60; seed++) {
        const found = compare(seed, bytesMax);
        fetched += found.fetched;
        assigned += found.assigned;
      }
      // Else nothing of it was tried.
      expect(Math.min(fetched, assigned)).toBeGreaterThan(500);
    });
  }

  function hall(bytesMax: number, tasks: readonly QueuedTask[]): Counter {
    const counter = new Counter(bytesMax, new Map(tasks.map((task) => [keyOf(task), task])));
    for (const task of tasks) counter.take({ type: "queue", task });
    return counter;
  }
  const many = (count: number) => Array.from({ length: count }, (_, index) => taskOf(index + 1));

  test("gives each class as much room as is left for all others, so that a short queue stays whole beside a long one", () => {
    const counter = hall(300_000, many(1_000));
    const parked = counter.dispatch.parked;
    expect(parked).toBeGreaterThan(900);
    for (let job = 2_001; job <= 2_010; job++) counter.take({ type: "queue", task: taskOf(job, { type: "b" }) });

    expect(counter.dispatch.parked).toBe(parked);
  });

  test("reads nothing for a short queue, and each task of a long one once", () => {
    const short = hall(1_000_000, many(100));
    const long = hall(1_000_000, many(2_000));
    for (const counter of [short, long]) {
      counter.take({ type: "worker", view: viewOf("w", { supported_tasks: ["a"] }, false) });
      for (let room = 0; room < 2_000; room++) counter.take({ type: "credit", workerId: "w", tasks: 1 });
    }

    expect([short.fetched, short.said.length]).toEqual([0, 100]);
    expect(long.said.map((effect) => effect.type === "assign" && effect.task.queuedAtMs)).toEqual(
      many(2_000).map((task) => task.queuedAtMs),
    );
    expect(long.fetched).toBeLessThan(2_000);
  });

  test("asks for more before it has run out", () => {
    const counter = hall(8_000_000, many(6_000));
    const whole = 6_000 - counter.dispatch.parked;
    const fetches: number[] = [];
    const answer = counter.answer.bind(counter);
    counter.answer = (effect) => {
      fetches.push(counter.said.length);
      return answer(effect);
    };
    counter.take({ type: "worker", view: viewOf("w", { supported_tasks: ["a"] }, false) });
    for (let room = 0; room < 6_000; room++) counter.take({ type: "credit", workerId: "w", tasks: 1 });

    expect(counter.said).toHaveLength(6_000);
    // While a hundred and more are still in hand.
    expect(fetches[0]).toBeLessThan(whole - 100);
    expect(fetches[1]).toBeGreaterThan(whole);
  });

  test("fetches few at once where bodies are large, and always one", () => {
    const large = (size: number) => ({ params: JSON.stringify("x".repeat(size)) });
    const sizes = [3_000_000, 400_000, 400_000, 400_000, 10, 10];
    const tasks = sizes.map((size, index) => taskOf(index + 1, large(size)));
    const counter = hall(0, tasks);
    const roomy = hall(8_000_000, [taskOf(9, large(4_000_000)), ...tasks]);
    for (const { dispatch } of [counter, roomy])
      dispatch.decide({ type: "worker", view: viewOf("w", { supported_tasks: ["a"] }, false) });
    const fetched = [counter, roomy].map(({ dispatch }) =>
      dispatch
        .decide({ type: "credit", workerId: "w", tasks: 2 })
        .flatMap((effect) => (effect.type === "fetch" ? effect.tasks.map((task) => task.queuedAtMs) : [])),
    );

    expect(fetched).toEqual([[1], [1]]);
    expect(roomy.dispatch.parked).toBe(6);
  });

  test("waits for the body of the first rather than give out the second, and goes on when the first is gone", () => {
    const [first, second] = [taskOf(1, { priority: 9 }), taskOf(2, { type: "b" })];
    const dispatch = new Dispatch(0);
    const effects = [
      { type: "queue", task: first },
      { type: "queue", task: second },
      { type: "worker", view: viewOf("w", { supported_tasks: ["a", "b"] }, false) },
      { type: "credit", workerId: "w", tasks: 1 },
    ].flatMap((message) => dispatch.decide(message as DispatcherMessage));
    const [fetch] = effects;
    expect(effects.map((effect) => effect.type)).toEqual(["fetch"]);
    if (fetch?.type !== "fetch") throw new Error("it did not fetch");
    expect(fetch.tasks.map((task) => task.jobId)).toEqual([first.jobId]);

    dispatch.decide({ type: "drop", jobId: first.jobId, visit: first.visit, slot: first.slot });
    const [next] = dispatch.decide({ type: "bodies", line: fetch.line, tasks: fetch.tasks, bodies: [first] });
    expect(next).toMatchObject({ type: "fetch", tasks: [{ jobId: second.jobId }] });
    expect(dispatch.queued).toBe(1);
  });

  test("forgets a task that the store has no more, and leaves one alone that came back as another run", () => {
    const dispatch = new Dispatch(0);
    const [gone, again] = [taskOf(1), taskOf(2)];
    for (const task of [gone, again]) dispatch.decide({ type: "queue", task });
    dispatch.decide({ type: "worker", view: viewOf("w", { supported_tasks: ["a"] }, false) });
    const answer = (effects: readonly DispatcherEffect[], body: QueuedTask | undefined) => {
      const [fetch] = effects;
      if (fetch?.type !== "fetch") throw new Error("it did not fetch");
      return dispatch.decide({ type: "bodies", line: fetch.line, tasks: fetch.tasks, bodies: [body] });
    };
    const second = answer(dispatch.decide({ type: "credit", workerId: "w", tasks: 1 }), undefined);
    expect([dispatch.holds(gone.jobId), dispatch.queued]).toEqual([false, 1]);

    const queued = dispatch.decide({ type: "queue", task: { ...again, attempt: 2, again: true } });
    const third = [...queued, ...answer(second, again)];
    expect(third).toMatchObject([{ type: "fetch", tasks: [{ jobId: again.jobId, attempt: 2 }] }]);
    expect(answer(third, again)).toMatchObject([{ type: "assign", task: { attempt: 2, again: true } }]);
  });

  test("fails a long line for its cost limit in parts, all of it in the end", () => {
    const counter = hall(
      0,
      Array.from({ length: 700 }, (_, index) => taskOf(index + 1, { maxCost: 1 })),
    );
    counter.take({ type: "worker", view: viewOf("w", { supported_tasks: ["a"], cost_per_second: 5 }, false) });
    const parts = [counter.came.length];
    for (let next = counter.later.shift(); next; next = counter.later.shift()) {
      counter.take(next);
      parts.push(counter.came.length);
    }

    expect(parts).toEqual([256, 256, 188]);
    expect(counter.dispatch.queued).toBe(0);
  });

  test("gives nothing out while it is held back, and then in the order of all", () => {
    const counter = new Counter(Number.MAX_SAFE_INTEGER, new Map());
    counter.take({ type: "hold" });
    counter.take({ type: "worker", view: viewOf("w", { supported_tasks: ["a", "b"] }, false) });
    counter.take({ type: "credit", workerId: "w", tasks: 5 });
    for (const task of [taskOf(3), taskOf(1, { type: "b" }), taskOf(2)]) counter.take({ type: "queue", task });
    expect(counter.said).toEqual([]);
    counter.take({ type: "open" });

    expect(counter.said.map((effect) => effect.type === "assign" && effect.task.queuedAtMs)).toEqual([1, 2, 3]);
  });
});
