import { describe, expect, test } from "bun:test";
import type { ActorSystem, Actor, Context, RegionProps } from "../../src/runtime/types.ts";
import { createWorld, diary, supervision } from "./world.ts";

function regionOf(
  system: ActorSystem,
  lines: string[],
  extra: Partial<Actor<string>> = {},
  props: Partial<RegionProps<string>> = {},
) {
  const lives = new Map<string, () => Actor<string>>();
  const create = (key: string) => {
    const next = lives.get(key) ?? diary(lines, extra, `${key} `);
    lives.set(key, next);
    return next();
  };
  return system.region({ name: "jobs", create, idleMs: 1_000, maxActive: 100, ...props });
}

describe("a region", () => {
  test("makes an actor with the first message, one a key, and gives an address for nothing", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const region = regionOf(system, lines);
    const ref = region.ref("a");
    region.ref("never used");
    expect(region.active).toBe(0);
    expect(ref.path).toBe("/jobs/a");

    ref.tell("one");
    region.ref("a").tell("two");
    region.ref("b").tell("one");
    time.runUntilIdle();

    expect(lines).toEqual(["a started 1", "a one", "a two", "b started 1", "b one"]);
    expect(region.active).toBe(2);
  });

  test("lets an idle actor go after its time, and brings it back with its next message", () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    const region = regionOf(system, lines);
    const ref = region.ref("a");
    ref.tell("one");
    time.advance(600);
    ref.tell("two");
    time.advance(999);
    expect(region.active).toBe(1);

    time.advance(1);
    expect(region.active).toBe(0);
    expect(time.pendingTimers).toBe(0);
    ref.tell("three");
    time.runUntilIdle();

    expect(lines).toEqual(["a started 1", "a one", "a two", "a stopped 1", "a started 2", "a three"]);
    expect(letters).toEqual([]);
  });

  test("with no idle time at all keeps a busy actor without watching it all the time", () => {
    const { time, system } = createWorld();
    const receive = (message: string, context: Context<string>) => {
      if (message === "suspend") context.suspend();
      else context.resume();
    };
    const region = regionOf(system, [], { receive }, { idleMs: 0 });
    region.ref("a").tell("suspend");
    time.advance(10);
    expect(region.active).toBe(1);

    region.ref("a").tellFirst("resume");
    time.advance(10);

    expect(region.active).toBe(0);
  });

  test("keeps one timer, however many actors it has", () => {
    const { time, system } = createWorld();
    const region = regionOf(system, []);
    for (let key = 0; key < 50; key++) region.ref(String(key)).tell("hello");

    time.runUntilIdle();

    expect(region.active).toBe(50);
    expect(time.pendingTimers).toBe(1);
  });

  test("over its limit keeps those that came first, and lets one go that has had its turn", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const region = regionOf(system, lines, {}, { maxActive: 2 });
    for (const key of ["a", "b", "c", "d"]) {
      region.ref(key).tell("hello");
      time.runUntilIdle();
    }
    expect(region.active).toBe(2);
    expect(lines.filter((line) => line.includes("stopped"))).toEqual(["c stopped 1", "d stopped 1"]);

    // Whoever waited for its answer in the order of arrival is still there.
    for (const key of ["a", "b"]) region.ref(key).tell("again");
    time.runUntilIdle();
    expect(lines.filter((line) => line.endsWith("again"))).toEqual(["a again", "b again"]);
    expect(lines.filter((line) => line.includes("started 2"))).toEqual([]);
  });

  test("over its limit keeps one that comes back at once, and lets those go that were idle longest", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const region = regionOf(system, lines, {}, { maxActive: 2 });
    const tell = (key: string) => {
      region.ref(key).tell("hello");
      time.runUntilIdle();
    };
    for (const key of ["a", "b"]) tell(key);
    for (let count = 0; count < 10; count++) tell("c");

    expect(lines.filter((line) => line.startsWith("c started"))).toHaveLength(2);
    expect(lines.filter((line) => line.startsWith("a stopped"))).toHaveLength(1);
    expect(region.active).toBe(2);
  });

  test("a quarter over its limit with actors that are busy lets those go that were idle longest", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const receive = (message: string, context: Context<string>) => {
      if (message === "busy") context.suspend();
    };
    const region = regionOf(system, lines, { receive }, { maxActive: 4 });
    for (const key of ["a", "b", "c", "d"]) region.ref(key).tell("hello");
    time.runUntilIdle();
    region.ref("a").tell("again");
    time.runUntilIdle();

    region.ref("e").tell("busy");
    time.runUntilIdle();
    expect(lines.filter((line) => line.includes("stopped"))).toEqual([]);
    region.ref("f").tell("busy");
    time.runUntilIdle();
    expect(lines.filter((line) => line.includes("stopped"))).toEqual(["b stopped 1"]);
    expect(region.active).toBe(5);
  });

  test("with a flood of keys comes down to its limit when their messages were read", () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    const region = regionOf(system, lines, {}, { maxActive: 10 });
    for (let key = 0; key < 500; key++) region.ref(String(key)).tell("hello");

    time.runUntilIdle();

    expect(region.active).toBe(10);
    expect(lines.filter((line) => line.endsWith("hello")).length).toBe(500);
    expect(letters).toEqual([]);
  });

  test("keeps an actor that is suspended, or has a timer or an outcome on its way, or a busy child", async () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const { promise, resolve } = Promise.withResolvers<string>();
    const receive = (message: string, context: Context<string>) => {
      if (message === "suspend") context.suspend();
      if (message === "resume") context.resume();
      if (message === "timer") context.after(10_000, "rung");
      const outcome = (value: unknown) => String(value);
      if (message === "pipe") context.pipe(promise, outcome, outcome);
      const started = (child: Context<string>) => void child.after(10_000, "child's timer");
      if (message === "child") context.spawn({ name: "child", create: diary([], { started }) });
    };
    const region = regionOf(system, lines, { receive }, { maxActive: 1 });
    for (const message of ["suspend", "timer", "pipe", "child"]) region.ref(message).tell(message);
    time.advance(9_000);
    expect(lines.filter((line) => line.includes("stopped"))).toEqual([]);

    region.ref("suspend").tellFirst("resume");
    resolve("done");
    await time.settle();
    time.advance(5_000);

    expect(lines).toContain("timer rung");
    expect(lines).toContain("pipe done");
    expect(region.active).toBe(0);
  });

  test("never loses a message that arrives while an actor leaves, nor its order", () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    let told = false;
    const stopped = () => {
      if (told) return;
      told = true;
      ref.tell("during the last call 1");
      ref.tellFirst("during the last call 2");
    };
    const region = regionOf(system, lines, { stopped });
    const ref = region.ref("a");
    ref.tell("one");
    time.runUntilIdle();

    time.advance(1_000);
    ref.tell("after");
    time.runUntilIdle();

    expect(lines).toEqual([
      "a started 1",
      "a one",
      "a stopped 1",
      "a started 2",
      "a during the last call 2",
      "a during the last call 1",
      "a after",
    ]);
    expect(letters).toEqual([]);
  });

  test("does not let an actor go whose next message waits already", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const region = regionOf(system, lines, {}, { maxActive: 1 });
    region.ref("a").tell("one");
    time.runUntilIdle();

    region.ref("a").tell("two");
    region.ref("b").tell("one");
    time.runUntilIdle();

    expect(lines.slice(0, 3)).toEqual(["a started 1", "a one", "a two"]);
    expect(region.active).toBe(1);
  });

  test("takes every message once and in order while actors come and go all the time", () => {
    const { time, system, letters } = createWorld({ throughput: 3 });
    const read = new Map<string, number[]>();
    const create = (key: string): Actor<number> => ({
      receive: (n, context) => {
        read.set(key, [...(read.get(key) ?? []), n]);
        if (n % 5 === 0) context.stop();
      },
    });
    const region = system.region({ name: "busy", create, idleMs: 2, maxActive: 3 });
    const refs = Array.from({ length: 8 }, (_, key) => region.ref(String(key)));
    for (let n = 0; n < 400; n++) {
      refs[(n * 7) % 8]?.tell(n);
      if (n % 3 === 0) time.advance(n % 4);
    }
    time.advance(100);

    const all = [...read.values()];
    expect(all.flat().length).toBe(400);
    for (const numbers of all) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(region.active).toBe(0);
    expect(letters).toEqual([]);
  });

  test("an actor that stops itself leaves memory; what waits already is read by its successor", () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    const receive = (message: string, context: Context<string>) => {
      if (message === "stop") context.stop();
    };
    const region = regionOf(system, lines, { receive });
    const ref = region.ref("a");
    ref.tell("stop");
    ref.tell("waiting");
    time.runUntilIdle();
    ref.tell("stop");
    time.runUntilIdle();
    expect(region.active).toBe(0);

    ref.tell("fresh");
    time.runUntilIdle();

    expect(lines).toEqual([
      "a started 1",
      "a stop",
      "a stopped 1",
      "a started 2",
      "a waiting",
      "a stop",
      "a stopped 2",
      "a started 3",
      "a fresh",
    ]);
    expect(letters).toEqual([]);
  });

  test("an actor that fails is made again with its mailbox", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const region = regionOf(system, lines);
    for (const message of ["fail", "kept"]) region.ref("a").tell(message);

    time.runUntilIdle();

    expect(lines).toEqual(["a started 1", "a stopped 1", "a started 2", "a kept"]);
  });

  test("an actor that fails too often is reported and leaves; the others and its next message are served", () => {
    const { time, system, failures, letters } = createWorld();
    const lines: string[] = [];
    const region = regionOf(system, lines, {}, { supervision: supervision("restart", 1) });
    for (const message of ["fail", "fail", "lost"]) region.ref("a").tell(message);
    region.ref("b").tell("fine");
    time.runUntilIdle();
    expect(failures.map((failure) => failure.path)).toEqual(["/jobs/a"]);
    expect(letters.map((letter) => letter.message)).toEqual(["lost"]);
    expect(region.active).toBe(1);

    region.ref("a").tell("next");
    time.runUntilIdle();

    expect(lines).toContain("b fine");
    expect(lines.at(-1)).toBe("a next");
    time.advance(10_000);
    expect(time.pendingTimers).toBe(0);
  });

  test("a watcher of a key hears when a failure ended it, not when it only left memory", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const region = regionOf(system, [], {}, { supervision: supervision("stop") });
    const started = (context: Context<string>) => void context.watch(region.ref("a"), "it is gone");
    system.spawn({ name: "watcher", create: diary(lines, { started }) });
    region.ref("a").tell("hello");
    time.advance(5_000);
    expect(region.active).toBe(0);
    expect(lines).toEqual(["started 1"]);

    region.ref("a").tell("fail");
    time.runUntilIdle();
    region.ref("a").tell("fail");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "it is gone"]);
  });
});
