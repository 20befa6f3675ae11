import { describe, expect, test } from "bun:test";
import type { Actor, Context, Ref } from "../../src/runtime/types.ts";
import { createWorld, diary, receiving, supervision } from "./world.ts";

describe("the restart limit", () => {
  test("one restart more than allowed within the window stops the actor, and the failure reaches the root", () => {
    const { time, system, failures, letters } = createWorld({ supervision: supervision("restart", 2, 1_000) });
    const lines: string[] = [];
    const ref = system.spawn({ name: "frail", create: diary(lines) });

    for (const message of ["fail", "fail", "still here", "fail", "too late"]) ref.tell(message);
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "stopped 1", "started 2", "stopped 2", "started 3", "still here", "stopped 3"]);
    expect(failures).toEqual([{ path: "/frail", error: new Error("told to fail") }]);
    expect(letters).toEqual([{ path: "/frail", message: "too late", reason: "stopped" }]);
    expect(ref.tell("later")).toBe("dead");
  });

  test("restarts further apart than the window never reach it", () => {
    const { time, system, failures } = createWorld({ supervision: supervision("restart", 1, 1_000) });
    const ref = system.spawn({ name: "frail", create: diary([]) });

    for (let round = 0; round < 20; round++) {
      ref.tell("fail");
      time.advance(1_000);
    }

    expect(failures).toEqual([]);
    expect(ref.tell("fine")).toBe("queued");
  });

  test("a parent hears of a child beyond its limit as a failure of its own, and the grandparent decides", () => {
    const { time, system, failures } = createWorld();
    const lines: string[] = [];
    let child: Ref<string> | undefined;
    const create = diary(lines, {
      started: (context) => void (child = context.spawn({ name: "child", create: diary(lines, {}, "child ") })),
    });
    system.spawn({ name: "parent", create, supervision: supervision("restart", 1) });
    time.runUntilIdle();

    child?.tell("fail");
    child?.tell("fail");
    time.runUntilIdle();

    expect(lines).toEqual([
      "started 1",
      "child started 1",
      "child stopped 1",
      "child started 2",
      "child stopped 2",
      "stopped 1",
      "started 2",
      "child started 1",
    ]);
    expect(failures).toEqual([]);
  });

  test("a start that always fails is tried as often as restarts are allowed and no more", () => {
    const { time, system, failures, letters } = createWorld({ supervision: supervision("restart", 3) });
    let tries = 0;
    const create = (): Actor<string> => {
      tries += 1;
      throw new Error("cannot be made");
    };
    const ref = system.spawn({ name: "stillborn", create });
    ref.tell("never read");

    time.runUntilIdle();

    expect(tries).toBe(4);
    expect(failures).toEqual([{ path: "/stillborn", error: new Error("cannot be made") }]);
    expect(letters).toEqual([{ path: "/stillborn", message: "never read", reason: "stopped" }]);
  });

  test("failing starts end even where the window is too short to count them", () => {
    const { time, system, failures } = createWorld({ supervision: supervision("restart", 3, 0) });
    let tries = 0;
    const started = () => {
      tries += 1;
      throw new Error("cannot start");
    };
    system.spawn({ name: "stillborn", create: () => ({ receive: () => undefined, started }) });

    time.runUntilIdle();

    expect(tries).toBe(4);
    expect(failures.length).toBe(1);
  });

  test("failing starts end even where the supervisor says to go on", () => {
    const { time, system, failures } = createWorld({ supervision: supervision("resume", 3) });
    const create = (): Actor<string> => {
      throw new Error("cannot be made");
    };
    system.spawn({ name: "stillborn", create });

    time.runUntilIdle();

    expect(failures.length).toBe(1);
  });

  test("failed starts with good ones between them are no loop", () => {
    const { time, system, failures } = createWorld({ supervision: supervision("restart", 1, 1) });
    let lives = 0;
    const create = (): Actor<string> => {
      lives += 1;
      if (lives % 2 === 0) throw new Error("every other start fails");
      return diary([])();
    };
    const decideTwice = { decide: () => "restart" as const, maxRestarts: 2, windowMs: 1 };
    const parent = receiving<string>((_, context) => void (child = context.spawn({ name: "child", create })));
    let child: Ref<string> | undefined;
    system.spawn({ name: "parent", create: parent, supervision: decideTwice }).tell("begin");

    for (let round = 0; round < 10; round++) {
      time.advance(10);
      child?.tell("fail");
    }
    time.runUntilIdle();

    expect(lives).toBe(21);
    expect(failures).toEqual([]);
  });

  test("a failure while restarting counts as another restart", () => {
    const { time, system, failures } = createWorld({ supervision: supervision("restart", 3) });
    let lives = 0;
    const read: string[] = [];
    const create = (): Actor<string> => {
      lives += 1;
      if (lives === 2 || lives === 3) throw new Error("not yet");
      return diary(read)();
    };
    const ref = system.spawn({ name: "slow", create });
    for (const message of ["fail", "kept", "fail"]) ref.tell(message);

    time.runUntilIdle();

    expect(lives).toBe(4);
    expect(read).toEqual(["started 1", "stopped 1", "started 1", "kept", "stopped 1"]);
    expect(failures.length).toBe(1);
  });
});

describe("a failure", () => {
  test("costs the message at hand: on resume the actor goes on with its state", () => {
    const { time, system } = createWorld({ supervision: supervision("resume") });
    const lines: string[] = [];
    const ref = system.spawn({ name: "actor", create: diary(lines) });

    for (const message of ["a", "fail", "b"]) ref.tell(message);
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "a", "b"]);
  });

  test("restarts children first, keeps the mailbox and lifts a suspension", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const create = diary(lines, {
      started: (context) => {
        context.spawn({ name: "first", create: diary(lines, {}, "first ") });
        context.spawn({ name: "second", create: diary(lines, {}, "second ") });
      },
      receive: (_, context) => context.suspend(),
    });
    const ref = system.spawn({ name: "parent", create });
    ref.tell("a");
    ref.tell("b");
    time.runUntilIdle();
    lines.length = 0;

    ref.tellFirst("fail");
    time.runUntilIdle();

    expect(lines.slice(0, 5)).toEqual(["second stopped 1", "first stopped 1", "stopped 1", "started 2", "b"]);
  });

  test("stops the actor where the supervisor says so", () => {
    const { time, system, failures, letters } = createWorld({ supervision: supervision("stop") });
    const lines: string[] = [];
    const ref = system.spawn({ name: "actor", create: diary(lines) });

    ref.tell("fail");
    ref.tell("late");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "stopped 1"]);
    expect(failures).toEqual([]);
    expect(letters.map((letter) => letter.reason)).toEqual(["stopped"]);
  });

  test("that escalates restarts the parent with all of its children", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    let child: Ref<string> | undefined;
    const create = diary(lines, {
      started: (context) => void (child = context.spawn({ name: "child", create: diary(lines, {}, "child ") })),
    });
    system.spawn({ name: "parent", create, supervision: supervision("escalate") });
    time.runUntilIdle();
    lines.length = 0;

    child?.tell("fail");
    time.runUntilIdle();

    expect(lines).toEqual(["child stopped 1", "stopped 1", "started 2", "child started 1"]);
  });

  test("that escalates to one who says resume lets the child go on", () => {
    const { time, system } = createWorld({ supervision: supervision("resume") });
    const lines: string[] = [];
    let child: Ref<string> | undefined;
    const create = receiving<string>((_, context) => {
      child = context.spawn({ name: "child", create: diary(lines) });
    });
    system.spawn({ name: "parent", create, supervision: supervision("escalate") }).tell("begin");
    time.runUntilIdle();

    child?.tell("fail");
    child?.tell("goes on");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "goes on"]);
  });

  test("at being made, that escalates to one who says resume, stops the child: nothing is there to go on", () => {
    const { time, system, letters } = createWorld({ supervision: supervision("resume") });
    const create = (): Actor<string> => {
      throw new Error("cannot be made");
    };
    const parent = receiving<string>((_, context) => void context.spawn({ name: "child", create }).tell("unread"));
    system.spawn({ name: "parent", create: parent, supervision: supervision("escalate") }).tell("begin");

    time.runUntilIdle();

    expect(letters).toEqual([{ path: "/parent/child", message: "unread", reason: "stopped" }]);
  });

  test("that escalates at the root is reported and logged, and its actor alone stops", () => {
    const { time, system, failures, lines: log } = createWorld({ supervision: supervision("escalate") });
    const lines: string[] = [];
    const bad = system.spawn({ name: "bad", create: diary([]) });
    const good = system.spawn({ name: "good", create: diary(lines) });

    bad.tell("fail");
    good.tell("works");
    time.runUntilIdle();

    expect(failures.map((failure) => failure.path)).toEqual(["/bad"]);
    expect(log.some((line) => line.level === "error")).toBe(true);
    expect(bad.tell("anyone?")).toBe("dead");
    expect(lines).toEqual(["started 1", "works"]);
  });

  test("of a listener or a decider does not stop the machine", () => {
    const decide = () => {
      throw new Error("the decider is broken");
    };
    const onFailure = () => {
      throw new Error("the listener is broken");
    };
    const { time, system, lines: log } = createWorld({ supervision: { ...supervision("stop"), decide }, onFailure });
    const lines: string[] = [];
    const bad = system.spawn({ name: "bad", create: diary([]) });
    const good = system.spawn({ name: "good", create: diary(lines) });

    bad.tell("fail");
    good.tell("works");
    time.runUntilIdle();

    expect(bad.tell("anyone?")).toBe("dead");
    expect(lines).toContain("works");
    expect(log.filter((line) => line.level === "error").length).toBe(3);
  });

  test("of the last call is logged and holds up nothing", () => {
    const { time, system, lines: log } = createWorld();
    const lines: string[] = [];
    const stopped = () => {
      throw new Error("cannot end");
    };
    const ref = system.spawn({ name: "actor", create: diary(lines, { stopped }) });

    ref.tell("fail");
    ref.tell("next");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "stopped 1", "started 2", "next"]);
    expect(log.filter((line) => line.level === "error").map((line) => line.fields)).toEqual([
      { path: "/actor", error: "cannot end" },
    ]);
  });

  test("in a batch costs the batch, which is given to nobody again", () => {
    const { time, system } = createWorld();
    const batches: (readonly number[])[] = [];
    const create = (): Actor<number> => ({
      receive: () => undefined,
      receiveMany: (messages) => {
        batches.push(messages);
        if (messages.includes(2)) throw new Error("bad batch");
      },
    });
    const ref = system.spawn({ name: "batch", create, batch: 2 });
    for (const message of [1, 2, 3, 4, 5]) ref.tell(message);

    time.runUntilIdle();

    expect(batches).toEqual([[1, 2], [3, 4], [5]]);
  });
});

describe("stopping", () => {
  test("ends children first, after the message at hand and before the next", () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    const create = diary(lines, {
      started: (context) => void context.spawn({ name: "child", create: diary(lines, {}, "child ") }),
      receive: (message, context) => {
        if (message !== "stop") return;
        context.stop();
        lines.push("end of message");
      },
    });
    const ref = system.spawn({ name: "parent", create });
    time.runUntilIdle();
    lines.length = 0;

    ref.tell("stop");
    ref.tell("unread");
    time.runUntilIdle();

    expect(lines).toEqual(["stop", "end of message", "child stopped 1", "stopped 1"]);
    expect(letters).toEqual([{ path: "/parent", message: "unread", reason: "stopped" }]);
  });

  test("during a restart wins: there is no new life", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    let context: Context<string> | undefined;
    const create = diary(lines, { started: (own) => void (context = own), stopped: () => context?.stop() });
    const ref = system.spawn({ name: "actor", create });

    ref.tell("fail");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "stopped 1"]);
    expect(ref.tell("anyone?")).toBe("dead");
  });

  test("from within its start ends the new life properly", () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    const ref = system.spawn({ name: "actor", create: diary(lines, { started: (context) => context.stop() }) });
    ref.tell("never read");

    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "stopped 1"]);
    expect(system.deadLetters).toBe(1);
  });

  test("a context kept from an earlier life cannot disturb the present one", () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    const contexts: Context<string>[] = [];
    const ref = system.spawn({ name: "actor", create: diary(lines, { started: (own) => void contexts.push(own) }) });
    ref.tell("fail");
    time.runUntilIdle();

    const old = contexts[0];
    old?.stop();
    old?.suspend();
    old?.after(0, "timer of the old life");
    old?.spawn({ name: "child", create: diary(lines, {}, "child ") }).tell("to nobody");
    old?.unread(["put back too late"]);
    ref.tell("works");
    time.runUntilIdle();

    expect(lines).toEqual(["started 1", "stopped 1", "started 2", "works"]);
    expect(letters.map((letter) => letter.message)).toEqual(["to nobody", "put back too late"]);
  });

  test("of the system goes leaves first, resolves at the end, and may be asked for twice", async () => {
    const { time, system, letters } = createWorld();
    const lines: string[] = [];
    const grandchild = { name: "leaf", create: diary(lines, {}, "leaf ") };
    const child = {
      name: "branch",
      create: diary(lines, { started: (context) => void context.spawn(grandchild) }, "branch "),
    };
    system.spawn({ name: "one", create: diary(lines, { started: (context) => void context.spawn(child) }, "one ") });
    const two = system.spawn({ name: "two", create: diary(lines, {}, "two ") });
    const region = system.region({ name: "region", create: diary(lines, {}, "key "), idleMs: 1_000, maxActive: 10 });
    region.ref("k").tell("hello");
    time.runUntilIdle();
    lines.length = 0;

    two.tell("too late");
    const first = system.stop();
    const second = system.stop();
    time.runUntilIdle();
    await Promise.all([first, second, system.stop()]);

    const ends = ["key stopped 1", "two stopped 1", "leaf stopped 1", "branch stopped 1", "one stopped 1"];
    expect(lines).toEqual(ends);
    expect(region.active).toBe(0);
    expect(region.ref("k").tell("x")).toBe("dead");
    expect(system.spawn({ name: "late", create: diary(lines) }).tell("x")).toBe("dead");
    expect(letters.map((letter) => letter.reason)).toEqual(["stopped", "dead", "dead"]);
    expect(time.pendingTimers).toBe(0);
  });

  test("of the system from within an actor ends after its message", async () => {
    const { time, system } = createWorld();
    const lines: string[] = [];
    let stopped: Promise<void> | undefined;
    const ref = system.spawn({
      name: "actor",
      create: diary(lines, { receive: () => void (stopped = system.stop()) }),
    });
    ref.tell("stop it all");

    time.runUntilIdle();
    await stopped;

    expect(lines).toEqual(["started 1", "stop it all", "stopped 1"]);
  });
});
