import { describe, expect, test } from "bun:test";
import type { Actor, Context, Reply } from "../../src/runtime/types.ts";
import { Refusal } from "../../src/system/errors.ts";
import { createWorld, receiving, supervision } from "./world.ts";

type Message =
  | { readonly type: "question"; readonly reply: Reply<string>; readonly what: string }
  | { readonly type: "answer all" }
  | { readonly type: "resume" };

const question = (what: string) => (reply: Reply<string>) => ({ type: "question", reply, what }) as const;

/** Does with each question what it says. */
function oracle(): () => Actor<Message> {
  return () => {
    const kept: Reply<string>[] = [];
    return {
      receive(message: Message, context: Context<Message>) {
        if (message.type === "resume") return context.resume();
        if (message.type === "answer all") return kept.forEach((reply) => reply.ok("at last"));
        if (message.what === "fail") throw new Error("told to fail");
        if (message.what === "stop") return context.stop();
        if (message.what === "suspend") context.suspend();
        if (message.what === "refuse") message.reply.fail(new Refusal("NO", 409, "Ask something else."));
        if (message.what === "twice") {
          message.reply.ok("first");
          message.reply.fail(new Error("second"));
        }
        if (message.what === "echo") message.reply.ok("echo");
        kept.push(message.reply);
      },
    };
  };
}

async function outcome(asked: Promise<string>): Promise<unknown> {
  return asked.then(
    (answer) => answer,
    (error: unknown) => (error instanceof Refusal ? `${error.code} ${error.status}` : error),
  );
}

describe("ask", () => {
  test("resolves with the first answer; a later one counts for nothing", async () => {
    const { time, system } = createWorld();
    const ref = system.spawn({ name: "oracle", create: oracle() });
    const asked = outcome(system.ask(ref, question("twice"), 1_000));

    time.runUntilIdle();

    expect(await asked).toBe("first");
    expect(time.pendingTimers).toBe(0);
  });

  test("rejects with the error that is answered", async () => {
    const { time, system } = createWorld();
    const ref = system.spawn({ name: "oracle", create: oracle() });
    const asked = outcome(system.ask(ref, question("refuse"), 1_000));

    time.runUntilIdle();

    expect(await asked).toBe("NO 409");
  });

  test("gives up after its time, and a late answer is dropped", async () => {
    const { time, system } = createWorld();
    const ref = system.spawn({ name: "oracle", create: oracle() });
    const asked = outcome(system.ask(ref, question("keep"), 1_000));
    time.advance(1_000);

    ref.tell({ type: "answer all" });
    time.runUntilIdle();

    expect(await asked).toBe("ASK_TIMEOUT 503");
  });

  test("of one that is gone is refused at once", async () => {
    const { time, system } = createWorld();
    const ref = system.spawn({ name: "oracle", create: oracle() });
    void outcome(system.ask(ref, question("stop"), 1_000));
    time.runUntilIdle();

    const asked = outcome(system.ask(ref, question("echo"), 1_000));

    expect(await asked).toBe("ASK_DEAD 503");
    expect(time.pendingTimers).toBe(0);
  });

  test("of one that stops is refused at once, whether the question was read or still waits", async () => {
    const { time, system, letters } = createWorld();
    const ref = system.spawn({ name: "oracle", create: oracle() });
    const asked = ["keep", "stop", "echo"].map((what) => outcome(system.ask(ref, question(what), 1_000)));

    time.runUntilIdle();

    expect(await Promise.all(asked)).toEqual(["ASK_DEAD 503", "ASK_DEAD 503", "ASK_DEAD 503"]);
    expect(letters.length).toBe(1);
  });

  test("of one that is restarted is refused if it was read; one that still waits is answered by the successor", async () => {
    const { time, system } = createWorld();
    const ref = system.spawn({ name: "oracle", create: oracle() });
    const asked = ["keep", "fail", "echo"].map((what) => outcome(system.ask(ref, question(what), 1_000)));

    time.runUntilIdle();

    expect(await Promise.all(asked)).toEqual(["ASK_DEAD 503", "ASK_DEAD 503", "echo"]);
  });

  test("whose message failed is refused at once even where the actor goes on", async () => {
    const { time, system } = createWorld({ supervision: supervision("resume") });
    const ref = system.spawn({ name: "oracle", create: oracle() });
    const failing = outcome(system.ask(ref, question("fail"), 1_000));
    const kept = outcome(system.ask(ref, question("keep"), 1_000));
    ref.tell({ type: "answer all" });

    time.runUntilIdle();

    expect(await failing).toBe("ASK_DEAD 503");
    expect(await kept).toBe("at last");
  });

  test("that was put back unread belongs to the successor", async () => {
    const { time, system } = createWorld();
    let lives = 0;
    const create = (): Actor<Message> => {
      const life = ++lives;
      return {
        receive(message, context) {
          if (message.type !== "question") throw new Error("told to fail");
          if (life > 1) return message.reply.ok(`life ${life}`);
          context.suspend();
          context.unread([message]);
        },
      };
    };
    const ref = system.spawn({ name: "oracle", create });
    const asked = outcome(system.ask(ref, question("again"), 1_000));
    time.runUntilIdle();

    ref.tellFirst({ type: "answer all" });
    time.runUntilIdle();

    expect(await asked).toBe("life 2");
  });

  test("of a full mailbox is refused at once with when to come back; the system lane takes it", async () => {
    const { time, system } = createWorld();
    const ref = system.spawn({ name: "oracle", capacity: 1, create: oracle() });
    ref.tell({ type: "resume" });

    const full = system.ask(ref, question("echo"), 1_000);
    const first = outcome(system.ask(ref, question("echo"), 1_000, "system"));

    expect(await full.catch((error: unknown) => error)).toMatchObject({
      code: "ASK_FULL",
      status: 429,
      retryAfterSeconds: 1,
    });
    time.runUntilIdle();
    expect(await first).toBe("echo");
  });

  test("is refused when the system stops", async () => {
    const { time, system } = createWorld();
    const ref = system.spawn({ name: "oracle", create: oracle() });
    const asked = outcome(system.ask(ref, question("keep"), 60_000));
    time.runUntilIdle();

    void system.stop();
    time.runUntilIdle();

    expect(await asked).toBe("ASK_DEAD 503");
    expect(time.pendingTimers).toBe(0);
  });

  test("brings a key of a region into memory, and keeps it there until it has answered", async () => {
    const { time, system } = createWorld();
    const region = system.region({ name: "oracles", create: oracle(), idleMs: 10, maxActive: 1 });
    const asked = outcome(system.ask(region.ref("k"), question("keep"), 1_000));
    region.ref("other").tell({ type: "resume" });
    time.advance(500);
    expect(region.active).toBe(1);

    region.ref("k").tell({ type: "answer all" });
    time.advance(50);

    expect(await asked).toBe("at last");
    expect(region.active).toBe(0);
  });

  test("works with an address of another make, which can only be waited for", async () => {
    const { time, system } = createWorld();
    const inner = system.spawn({ name: "inner", create: receiving<Message>(() => undefined) });
    const foreign = {
      path: "foreign",
      tell: (message: Message) => inner.tell(message),
      tellFirst: (message: Message) => inner.tellFirst(message),
    };
    const asked = outcome(system.ask(foreign, question("echo"), 100));

    time.advance(100);

    expect(await asked).toBe("ASK_TIMEOUT 503");
  });
});
