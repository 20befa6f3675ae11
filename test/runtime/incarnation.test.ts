import { describe, expect, test } from "bun:test";
import type { Actor, Context, Ref } from "../../src/runtime/types.ts";
import type { Cancel } from "../../src/system/clock.ts";
import { createWorld, diary, supervision } from "./world.ts";

describe("a timer", () => {
  test("comes once, at its time, behind messages that came before", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const started = (context: Context<string>) => {
      context.after(20, "later");
      context.after(10, "sooner");
      context.after(10, "sooner too");
    };
    system.spawn({ name: "actor", create: diary(lines, { started }) });

    time.advance(9);
    expect(lines).toEqual(["started 1"]);
    time.advance(100);

    expect(lines).toEqual(["started 1", "sooner", "sooner too", "later"]);
  });

  test("dies with its life: on restart and on stop", () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    let lives = 0;
    const started = (context: Context<string>) => void context.after(10, `timer of life ${++lives}`);
    const ref = system.spawn({ name: "actor", create: diary(lines, { started }) });
    time.advance(5);

    ref.tell("fail");
    time.runUntilIdle();
    expect(time.pendingTimers).toBe(1);
    time.advance(7);
    expect(lines).toEqual(["started 1", "stopped 1", "started 2"]);
    time.advance(3);
    expect(lines.at(-1)).toBe("timer of life 2");
    void system.stop();
    time.advance(100);

    expect(lines.at(-1)).toBe("stopped 2");
    expect(letters).toEqual([]);
    expect(time.pendingTimers).toBe(0);
  });

  test("that rang before a restart but was not read yet dies as well", () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    const receive = (message: string, context: Context<string>) => {
      if (message !== "begin") return;
      context.after(10, "rung");
      context.suspend();
    };
    const ref = system.spawn({ name: "actor", create: diary(lines, { receive }) });
    ref.tell("begin");
    time.advance(10);

    ref.tellFirst("fail");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "begin", "stopped 1", "started 2"]);
    expect(letters).toEqual([]);
  });

  test("that was cancelled never comes, even when its message waits already", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    let cancel: Cancel = () => undefined;
    const receive = (message: string, context: Context<string>) => {
      if (message === "begin") {
        cancel = context.after(10, "must not come");
        context.suspend();
      }
      if (message === "end") {
        cancel();
        cancel();
        context.resume();
      }
    };
    const ref = system.spawn({ name: "actor", create: diary(lines, { receive }) });
    ref.tell("begin");
    time.advance(10);

    ref.tellFirst("end");
    time.advance(10);

    expect(lines).toEqual(["started 1", "begin", "end"]);
  });

  test("is not lost to a full mailbox", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const receive = (message: string, context: Context<string>) => {
      if (message === "begin") {
        context.after(10, "timer");
        context.suspend();
      }
      if (message === "resume") context.resume();
    };
    const ref = system.spawn({ name: "actor", capacity: 1, create: diary(lines, { receive }) });
    ref.tell("begin");
    time.runUntilIdle();
    ref.tell("fills it");
    time.advance(10);

    ref.tellFirst("resume");
    time.runUntilIdle();

    expect(lines.slice(2)).toEqual(["resume", "fills it", "timer"]);
  });
});

describe("a pipe", () => {
  function piping(lines: string[], promise: Promise<string>): () => Actor<string> {
    return diary(lines, {
      receive: (message, context) => {
        if (message !== "begin") return;
        context.suspend();
        context.pipe(
          promise,
          (value) => `ok ${value}`,
          (error) => `failed ${String(error)}`,
        );
      },
    });
  }

  test("brings the outcome in the system lane, also while the actor is suspended", async () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const { promise, resolve } = Promise.withResolvers<string>();
    const ref = system.spawn({ name: "actor", create: piping(lines, promise) });
    ref.tell("begin");
    ref.tell("held back");
    await time.settle();

    resolve("done");
    await time.settle();

    expect(lines).toEqual(["started 1", "begin", "ok done"]);
  });

  test("brings a failure as a message", async () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const ref = system.spawn({ name: "actor", create: piping(lines, Promise.reject("no luck")) });
    ref.tell("begin");

    await time.settle();

    expect(lines.at(-1)).toBe("failed no luck");
  });

  test("brings nothing to a successor, and a failure that nobody hears of is logged", async () => {
    for (const outcome of ["ok", "failed"]) {
      const { time, system, lines: log } = createWorld();
      const lines: string[] = [];
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const ref = system.spawn({ name: "actor", create: piping(lines, promise) });
      ref.tell("begin");
      await time.settle();
      ref.tellFirst("fail");
      await time.settle();

      if (outcome === "ok") resolve("for the first life");
      else reject(new Error("for the first life"));
      await time.settle();

      expect(lines).toEqual(["started 1", "begin", "stopped 1", "started 2"]);
      expect(log.filter((line) => line.message.includes("awaited")).length).toBe(outcome === "ok" ? 0 : 1);
    }
  });

  test("whose outcome waits in the mailbox at a restart does not reach the successor either", async () => {
    const { time, system, lines: log } = createWorld();
    const lines: string[] = [];
    const { promise, reject } = Promise.withResolvers<string>();
    const ref = system.spawn({ name: "actor", create: piping(lines, promise) });
    ref.tell("begin");
    time.runUntilIdle();
    ref.tellFirst("fail");
    reject(new Error("unheard"));
    await promise.catch(() => undefined);
    await time.settle();

    expect(lines).toEqual(["started 1", "begin", "stopped 1", "started 2"]);
    expect(log.some((line) => JSON.stringify(line.fields).includes("unheard"))).toBe(true);
  });

  test("whose mapping throws is a failure of the actor", async () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const fail = () => {
      throw new Error("cannot map");
    };
    const started = (context: Context<string>) => context.pipe(Promise.resolve(), fail, fail);
    system.spawn({ name: "actor", create: diary(lines, { started }), supervision: supervision("restart") });

    time.runUntilIdle();
    await Promise.resolve();
    time.runUntilIdle();

    expect(lines.slice(0, 3)).toEqual(["started 1", "stopped 1", "started 2"]);
    void system.stop();
    await time.settle();
  });
});

describe("a death watch", () => {
  function watching(lines: string[], target: Ref<string>): () => Actor<string> {
    return diary(lines, { started: (context) => void context.watch(target, "it is gone") });
  }

  test("comes once for a stop, not for a restart, and after what the dead one had sent", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const receive = (message: string, context: Context<string>) => {
      if (message !== "stop") return;
      watcher.tell("last words");
      context.stop();
    };
    const target = system.spawn({ name: "target", create: diary([], { receive }) });
    const watcher = system.spawn({ name: "watcher", create: watching(lines, target) });
    target.tell("fail");
    time.runUntilIdle();
    expect(lines).toEqual(["started 1"]);

    target.tell("stop");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "last words", "it is gone"]);
  });

  test("comes for a child that was restarted too often", () => {
    const { time, system } = createWorld({ supervision: supervision("restart", 0) });
    const lines: string[] = [];
    const target = system.spawn({ name: "target", create: diary([]) });
    system.spawn({ name: "watcher", create: watching(lines, target) });

    target.tell("fail");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "it is gone"]);
  });

  test("comes at once when the other is gone already, or never was", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const target = system.spawn({ name: "target", create: diary([], { started: (context) => context.stop() }) });
    time.runUntilIdle();

    system.spawn({ name: "watcher", create: watching(lines, target) });
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "it is gone"]);
  });

  test("that was cancelled does not come, even when its message waits already", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const target = system.spawn({ name: "target", create: diary([], { receive: (_, context) => context.stop() }) });
    const cancels: Cancel[] = [];
    const create = diary(lines, {
      started: (context) => void cancels.push(context.watch(target, "a"), context.watch(target, "b")),
      receive: (message) => {
        if (message === "cancel") for (const cancel of cancels) cancel();
      },
    });
    const watcher = system.spawn({ name: "watcher", create });
    time.runUntilIdle();
    cancels[0]?.();

    target.tell("stop");
    target.tell("more");
    watcher.tellFirst("cancel");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "cancel"]);
  });

  test("of an earlier life does not come to its successor twice", () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    const target = system.spawn({ name: "target", create: diary([], { receive: (_, context) => context.stop() }) });
    const watcher = system.spawn({ name: "watcher", create: watching(lines, target) });
    watcher.tell("fail");
    time.runUntilIdle();

    target.tell("stop");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "stopped 1", "started 2", "it is gone"]);
    expect(letters).toEqual([]);
  });

  test("of one that is gone itself ends in silence", () => {
    const { time, system, letters } = createWorld();
    const target = system.spawn({ name: "target", create: diary([], { receive: (_, context) => context.stop() }) });
    const receive = (_: string, context: Context<string>) => context.stop();
    const started = (context: Context<string>) => void context.watch(target, "it is gone");
    system.spawn({ name: "watcher", create: diary([], { started, receive }) }).tell("stop");
    time.runUntilIdle();

    target.tell("stop");
    time.runUntilIdle();

    expect(letters).toEqual([]);
  });
});
