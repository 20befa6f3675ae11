import { describe, expect, test } from "bun:test";
import { Gate, inOrder } from "../../src/files/together.ts";

const never = new AbortController().signal;
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 1; number <= count; number++) yield number;
}

describe("a gate", () => {
  test("lets so many through at once, and the others in the order in which they came", async () => {
    const gate = new Gate(2);
    const doors = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const begun: number[] = [];
    const runs = doors.map((door, index) => gate.run(() => (begun.push(index), door.promise), never));
    await turn();
    expect(begun).toEqual([0, 1]);
    doors[1]?.resolve();
    await turn();
    expect(begun).toEqual([0, 1, 2]);
    for (const door of doors) door.resolve();
    await Promise.all(runs);
    expect(begun).toEqual([0, 1, 2, 3]);
  });

  test("is left by who gives up, and its place is not lost", async () => {
    const gate = new Gate(1);
    const first = Promise.withResolvers<void>();
    const running = gate.run(() => first.promise, never);
    const controller = new AbortController();
    const given = gate.run(async () => "ran", controller.signal);
    const last = gate.run(async () => "last", never);
    controller.abort(new Error("enough"));
    expect(await given.catch(String)).toBe("Error: enough");
    first.resolve();
    await running;
    expect(await last).toBe("last");
    expect(await gate.run(async () => "again", never)).toBe("again");
  });

  test("opens again after work that failed", async () => {
    const gate = new Gate(1);
    await gate.run(() => Promise.reject(new Error("broken")), never).catch(() => undefined);
    expect(await gate.run(async () => "next", never)).toBe("next");
  });
});

describe("work in order", () => {
  test("is begun several at once, and handed over in order", async () => {
    const taken: number[] = [];
    let running = 0;
    let most = 0;
    await inOrder(never, {
      items: () => numbers(6),
      limit: 3,
      async begin(number) {
        running += 1;
        most = Math.max(most, running);
        for (let turns = 6 - number; turns > 0; turns--) await turn();
        running -= 1;
        return number;
      },
      take: (number) => void taken.push(number),
    });
    expect(taken).toEqual([1, 2, 3, 4, 5, 6]);
    expect(most).toBe(3);
  });

  test("ends with its first failure, and nothing of it runs any more when it rejects", async () => {
    let running = 0;
    const begun: number[] = [];
    const work = inOrder(never, {
      items: () => numbers(10),
      limit: 3,
      async begin(number, signal) {
        begun.push(number);
        running += 1;
        try {
          if (number === 2) throw new Error("two is broken");
          if (number > 2)
            await new Promise<void>((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)));
        } finally {
          running -= 1;
        }
      },
      take: () => undefined,
    });
    expect(await work.catch(String)).toBe("Error: two is broken");
    expect(running).toBe(0);
    expect(begun.length).toBeLessThanOrEqual(4);
  });
});
