import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { HandlerRunner, TurnAsker, TurnReply } from "../../src/handlers/port.ts";
import { starterOf } from "../../src/handlers/starter.ts";
import { GO, openWorkshop, turnOf, type Workshop } from "./blueprints.ts";

let shop: Workshop;
beforeEach(async () => {
  shop = await openWorkshop();
});
afterEach(() => shop.drop());

/** Keeps all that it is told. */
function askerOf() {
  const told: (TurnReply | { failed: unknown })[] = [];
  const first = Promise.withResolvers<void>();
  const tell = (what: (typeof told)[number]) => {
    told.push(what);
    first.resolve();
  };
  const asker: TurnAsker = { answered: tell, failed: (failed) => tell({ failed }) };
  return { told, first: first.promise, asker };
}

const aborted = { ending: { kind: "broke", error: { code: "HANDLER_ABORTED" } } };

describe("a turn that a pool begins", () => {
  test("is answered by a call, once, and an abort after that does nothing", async () => {
    const hash = await shop.bundle({ start: GO });
    const pool = shop.pool();
    await pool.start();
    const { asker, told, first } = askerOf();

    const running = starterOf(pool).begin(turnOf(hash), asker);
    await first;
    running.abort();
    await pool.stop();

    expect(told).toMatchObject([{ ending: { kind: "ended", state: "finished" } }]);
  });

  test("is answered within the abort, though its handler goes on, and not again", async () => {
    const hash = await shop.bundle({ start: "() => new Promise(() => undefined)" });
    const pool = shop.pool();
    await pool.start();
    const { asker, told } = askerOf();

    const running = starterOf(pool).begin(turnOf(hash), asker);
    running.abort();
    expect(told).toMatchObject([aborted]);
    running.abort();
    await pool.stop();

    expect(told).toHaveLength(1);
  });

  test("is answered when the pool stops, and at once where it has stopped", async () => {
    const hash = await shop.bundle({ start: "() => new Promise(() => undefined)" });
    const pool = shop.pool();
    await pool.start();
    const [before, after] = [askerOf(), askerOf()];

    starterOf(pool).begin(turnOf(hash), before.asker);
    await pool.stop();
    starterOf(pool).begin(turnOf(hash), after.asker).abort();

    expect(before.told).toMatchObject([aborted]);
    expect(after.told).toMatchObject([aborted]);
  });
});

describe("a turn of a runner that answers by promises", () => {
  const reply: TurnReply = { steps: [], ending: { kind: "ended", state: "finished" } };

  test("is answered by a call, or told to have failed", async () => {
    const [good, bad] = [askerOf(), askerOf()];

    starterOf({ run: () => Promise.resolve(reply) }).begin(turnOf("h"), good.asker);
    starterOf({ run: () => Promise.reject(new Error("lost")) }).begin(turnOf("h"), bad.asker);
    await Promise.all([good.first, bad.first]);

    expect(good.told).toEqual([reply]);
    expect(bad.told).toEqual([{ failed: new Error("lost") }]);
  });

  test("hears of an abort by its signal", async () => {
    const { asker, told, first } = askerOf();
    const runner: HandlerRunner = {
      run: (_turn, signal) => new Promise((resolve) => signal?.addEventListener("abort", () => resolve(reply))),
    };

    const running = starterOf(runner).begin(turnOf("h"), asker);
    running.abort();
    await first;

    expect(told).toEqual([reply]);
  });
});
