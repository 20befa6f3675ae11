import { describe, expect, test } from "bun:test";
import { Queue } from "../../src/runtime/queue.ts";
import type { Actor, Context, Ref } from "../../src/runtime/types.ts";
import { createWorld, diary, receiving } from "./world.ts";

describe("a mailbox", () => {
  test("that is full turns messages away, says so to the sender, and takes messages again once it was read", () => {
    const { time, system, letters } = createWorld();
    const read: number[] = [];
    const ref = system.spawn({ name: "small", capacity: 2, create: receiving<number>((n) => void read.push(n)) });

    expect([1, 2, 3].map((n) => ref.tell(n))).toEqual(["queued", "queued", "full"]);
    expect(ref.tellFirst(0)).toBe("queued");
    time.runUntilIdle();
    expect(ref.tell(4)).toBe("queued");
    time.runUntilIdle();

    expect(read).toEqual([0, 1, 2, 4]);
    expect(letters).toEqual([{ path: "/small", message: 3, reason: "full" }]);
  });

  test("hands out the system lane first, in its order", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const ref = system.spawn({ name: "actor", create: diary(lines) });

    ref.tell("user 1");
    ref.tell("user 2");
    ref.tellFirst("system 1");
    ref.tellFirst("system 2");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "system 1", "system 2", "user 1", "user 2"]);
  });

  test("of a suspended actor holds back user messages and lets system messages through", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const receive = (message: string, context: Context<string>) => {
      if (message === "suspend") context.suspend();
      if (message === "resume") context.resume();
    };
    const ref = system.spawn({ name: "actor", create: diary(lines, { receive }) });
    for (const message of ["suspend", "user 1", "user 2"]) ref.tell(message);
    time.runUntilIdle();
    ref.tellFirst("system");
    time.runUntilIdle();
    expect(lines).toEqual(["started 1", "suspend", "system"]);

    ref.tellFirst("resume");
    time.runUntilIdle();

    expect(lines.slice(3)).toEqual(["resume", "user 1", "user 2"]);
  });

  test("takes back what was unread at its head, in order, even beyond its bound", () => {
    const { time, system, letters } = createWorld();
    const rounds: (readonly number[])[] = [];
    const create = (): Actor<number> => ({
      receive: (_, context) => context.resume(),
      receiveMany: (messages, context) => {
        rounds.push(messages);
        if (rounds.length > 1) return;
        context.suspend();
        context.unread(messages.slice(1));
      },
    });
    const ref = system.spawn({ name: "actor", create, capacity: 3, batch: 3 });
    for (const n of [1, 2, 3]) ref.tell(n);
    time.runUntilIdle();

    expect(ref.tell(4)).toBe("queued");
    expect(ref.tell(5)).toBe("full");
    ref.tellFirst(0);
    time.runUntilIdle();

    expect(rounds).toEqual([
      [1, 2, 3],
      [2, 3, 4],
    ]);
    expect(letters.length).toBe(1);
  });

  test("hands waiting messages together up to the batch, beyond the throughput too, and system messages one by one", () => {
    const { time, system } = createWorld({ throughput: 2 });
    const seen: unknown[] = [];
    const create = (): Actor<number> => ({
      receive: (message) => void seen.push(message),
      receiveMany: (messages) => void seen.push(messages),
    });
    const ref = system.spawn({ name: "actor", create, batch: 4 });
    for (const n of [1, 2, 3, 4, 5]) ref.tell(n);
    ref.tellFirst(0);

    time.runUntilIdle();

    expect(seen).toEqual([0, [1, 2, 3, 4], [5]]);
  });

  test("carries undefined as any other message", () => {
    const { time, system } = createWorld();
    const seen: unknown[] = [];
    const ref = system.spawn<undefined>({ name: "actor", create: receiving((message) => void seen.push(message)) });

    ref.tell(undefined);
    ref.tellFirst(undefined);
    time.runUntilIdle();

    expect(seen).toEqual([undefined, undefined]);
  });
});

describe("the run queue", () => {
  test("lets two busy actors take turns", () => {
    const { time, system } = createWorld({ throughput: 2 });
    const order: string[] = [];
    const [a, b] = ["a", "b"].map((name) =>
      system.spawn({ name, create: receiving<number>((n) => void order.push(`${name}${n}`)) }),
    );
    time.runUntilIdle();
    for (const n of [1, 2, 3, 4]) a?.tell(n);
    for (const n of [1, 2, 3]) b?.tell(n);

    time.runUntilIdle();

    expect(order).toEqual(["a1", "a2", "b1", "b2", "a3", "a4", "b3"]);
  });

  test("an actor that writes to itself for ever starves neither others nor the outside", () => {
    const { time, system } = createWorld();
    let rounds = 0;
    const read: string[] = [];
    const busy = system.spawn<string>({
      name: "busy",
      create: receiving((message, context) => {
        rounds += 1;
        context.self.tell(message);
      }),
    });
    const other = system.spawn({ name: "other", create: receiving<string>((message) => void read.push(message)) });
    busy.tell("again");
    other.tell("hello");

    time.runSoon();

    expect(read).toEqual(["hello"]);
    expect(rounds).toBeLessThanOrEqual(1_024);
    expect(time.pendingInputTurns).toBe(1);
  });

  test("a chain of short turns lets the outside in as well as one long turn does", () => {
    const { time, system } = createWorld();
    const ref = system.spawn({ name: "actor", create: receiving<string>(() => undefined) });
    time.runSoon();

    // Each message arrives in a drain of its own, as answers of promises do.
    for (let turn = 0; turn < 1_023; turn++) {
      ref.tell("one");
      time.runSoon();
    }
    expect(time.pendingInputTurns).toBe(0);
    ref.tell("two");
    ref.tell("three");
    time.runSoon();

    expect(time.pendingInputTurns).toBe(1);
  });

  test("the same inputs give the same order", () => {
    const run = () => {
      const { time, system } = createWorld({ throughput: 3 });
      const order: string[] = [];
      const refs: Ref<number>[] = [];
      for (let index = 0; index < 5; index++) {
        const create = receiving<number>((n, context) => {
          order.push(`${index}:${n}`);
          if (n > 0) refs[(index * 3 + n) % 5]?.tell(n - 1);
          if (n % 4 === 0) context.after(n, -1);
        });
        refs.push(system.spawn({ name: `actor-${index}`, create }));
      }
      for (let n = 0; n < 40; n++) refs[n % 5]?.tell(n % 9);
      time.advance(100);
      return order;
    };

    const first = run();

    expect(first.length).toBeGreaterThan(100);
    expect(run()).toEqual(first);
  });
});

describe("dead letters", () => {
  test("a listener that fails is logged and the others are told; one that ended is told nothing", () => {
    const { time, system, letters, lines } = createWorld();
    const end = system.onDeadLetter(() => {
      throw new Error("cannot listen");
    });
    const ref = system.spawn({ name: "actor", create: diary([], { started: (context) => context.stop() }) });
    time.runUntilIdle();

    ref.tell("one");
    end();
    ref.tell("two");

    expect(letters.map((letter) => letter.message)).toEqual(["one", "two"]);
    expect(lines.filter((line) => line.level === "error").length).toBe(1);
    expect(system.deadLetters).toBe(2);
  });

  test("one that a listener causes is counted and logged, and goes round no circle", () => {
    const { time, system, letters, lines } = createWorld();
    const ref = system.spawn({ name: "actor", create: diary([], { started: (context) => context.stop() }) });
    system.onDeadLetter(() => void ref.tell("and again"));
    time.runUntilIdle();

    ref.tell("one");

    expect(system.deadLetters).toBe(2);
    expect(letters.length).toBe(1);
    expect(lines.some((line) => line.level === "warn")).toBe(true);
  });
});

describe("the queue", () => {
  test("keeps its order over growth, wrapping and putting back", () => {
    const queue = new Queue<number>();
    const model: number[] = [];
    for (let step = 0; step < 5_000; step++) {
      if (step % 7 === 3) {
        queue.pushFront(step);
        model.unshift(step);
      } else if (step % 5 < 3) {
        queue.push(step);
        model.push(step);
      } else if (model.length > 0) {
        expect(queue.shift()).toBe(model.shift() as number);
      }
    }
    expect(queue.size).toBe(model.length);
    while (model.length > 0) expect(queue.shift()).toBe(model.shift() as number);
    queue.push(1);
    expect(queue.shift()).toBe(1);
  });
});
