import { describe, expect, test } from "bun:test";
import { Blueprint } from "../../src/blueprint/index.ts";
import type { Actions, Context, DataStore, Json } from "../../src/blueprint/sdk.ts";
import type { HandlerHost, TurnReply } from "../../src/handlers/port.ts";
import { ManualTime, noJobs, runTurn, storesOf } from "./turns.ts";

type Act = (store: DataStore, context: Context, actions: Actions) => unknown;

const ENTRIES = { total: "4", name: '"Ada"', nothing: "null", plan: '{"a":1,"b":[2]}', "user:1": "{}", "user:2": "{}" };

function flow(act: Act, next: Act = () => undefined): Blueprint {
  return new Blueprint({ name: "flow" })
    .addDataStore("counter")
    .addDataStore("cache")
    .handlerFor("start", { isStart: true }, async (context, actions) => {
      await act(storeOf(context), context, actions);
      actions.transitionTo("next");
    })
    .handlerFor(
      "next",
      { isEnd: true },
      async (context, actions) => void (await next(storeOf(context), context, actions)),
    );
}

function storeOf({ dataStores }: Context, name = "counter"): DataStore {
  const store = dataStores[name];
  if (!store) throw new Error(`there is no store ${name}`);
  return store;
}

function run(act: Act, next?: Act, host: HandlerHost = { ...noJobs, dataStores: storesOf(ENTRIES) }) {
  return runTurn(flow(act, next), {}, { host });
}

/** What the handler saw, and what it did with the store. */
async function seen(act: (store: DataStore) => Promise<unknown>) {
  let saw: unknown;
  const reply = await run(async (store) => (saw = await act(store)));
  expect(reply.ending).toEqual({ kind: "ended", state: "next" });
  const [use] = reply.dataStores ?? [];
  return { saw, reads: use?.reads, writes: use?.writes };
}

describe("a data store", () => {
  test("answers with what is stored, and with nothing where nothing is", async () => {
    expect(await seen((store) => store.get("plan"))).toEqual({
      saw: { a: 1, b: [2] },
      reads: [["plan", 7]],
      writes: [],
    });
    expect(await seen((store) => store.get("nothing"))).toMatchObject({ saw: null });
    expect(await seen((store) => store.get("missing"))).toEqual({
      saw: undefined,
      reads: [["missing", 0]],
      writes: [],
    });
  });

  test("gives each reader a value of its own", async () => {
    const { saw } = await seen(async (store) => {
      const first = await store.get<{ a: number }>("plan");
      if (first) first.a = 9;
      return store.get("plan");
    });
    expect(saw).toEqual({ a: 1, b: [2] });
  });

  test("shows a run its own writes, and reads nothing for what it only writes", async () => {
    const { saw, reads, writes } = await seen(async (store) => {
      await store.set("total", 9);
      await store.set("other", { list: [1] });
      return [await store.keys(), await store.delete("name")];
    });
    expect(saw).toEqual([["name", "nothing", "other", "plan", "total", "user:1", "user:2"], true]);
    expect(reads).toEqual([["name", 7]]);
    expect(writes).toEqual([
      ["total", "9"],
      ["other", '{"list":[1]}'],
      ["name", undefined],
    ]);
  });

  test("adds to a number, from nothing too, and calls side by side lose nothing", async () => {
    const { saw, reads, writes } = await seen((store) =>
      Promise.all([store.increment("total"), store.increment("total", 2.5), store.increment("new"), store.get("new")]),
    );
    expect(saw).toEqual([5, 7.5, 1, 1]);
    expect(reads).toEqual([
      ["total", 7],
      ["new", 0],
    ]);
    expect(writes).toEqual([
      ["total", "7.5"],
      ["new", "1"],
    ]);
  });

  test.each([
    ["what is there", "plan", { b: [2], a: 1 }, true],
    ["a part that is left out as undefined", "plan", { a: 1, b: [2], c: undefined }, true],
    ["absence", "missing", undefined, true],
    ["a stored null", "nothing", null, true],
    ["another value", "total", 5, false],
    ["absence where something is", "total", undefined, false],
    ["null where nothing is", "missing", null, false],
    ["absence where null is", "nothing", undefined, false],
  ] as [string, string, Json | undefined, boolean][])("compares with %s", async (_, key, expected, isSet) => {
    const { saw, reads, writes } = await seen((store) => store.compareAndSet(key, expected, "new"));
    expect(saw).toBe(isSet);
    expect(reads).toEqual([[key, key === "missing" ? 0 : 7]]);
    expect(writes).toEqual(isSet ? [[key, '"new"']] : []);
  });

  test("deletes what is there, says whether it was, and writes nothing where nothing was", async () => {
    const { saw, reads, writes } = await seen(async (store) => [
      await store.delete("name"),
      await store.delete("name"),
      await store.delete("missing"),
      await store.get("name"),
    ]);
    expect(saw).toEqual([true, false, false, undefined]);
    expect(reads).toEqual([
      ["name", 7],
      ["missing", 0],
    ]);
    expect(writes).toEqual([["name", undefined]]);
  });

  test("lists keys in their order, with a prefix, and remembers that they were listed", async () => {
    const reply = await run(async (store, { stateHistory }) => {
      await store.set("user:0", 1);
      await store.delete("user:2");
      stateHistory["keys"] = await store.keys("user:");
    });
    expect(JSON.parse(reply.stateHistory ?? "{}")).toEqual({ keys: ["user:0", "user:1"] });
    expect(reply.dataStores).toMatchObject([{ store: "counter", keySet: 5 }]);
  });

  test("asks once for what is used again, and once for calls side by side", async () => {
    const dataStores = storesOf(ENTRIES);
    const act: Act = async (store) => {
      await Promise.all([store.get("total"), store.increment("total"), store.get("total")]);
      await store.get("total");
      await store.set("total", 1);
    };
    await run(act, act, { ...noJobs, dataStores });
    expect(dataStores.asked).toEqual([
      { jobId: "job-1", hash: "hash", blueprint: "flow", store: "counter", key: "total" },
    ]);
  });

  test("is known by the names that were declared, under both of their spellings in code", async () => {
    const { saw } = await seen(async () => undefined);
    expect(saw).toBeUndefined();
    const reply = await run((_, { dataStores, stateHistory }) => {
      stateHistory["names"] = [Object.keys(dataStores), "cache" in dataStores, "other" in dataStores];
    });
    expect(JSON.parse(reply.stateHistory ?? "{}")).toEqual({ names: [["counter", "cache"], true, false] });
  });
});

describe("what counts of a turn", () => {
  const increment: Act = (store) => store.increment("total");

  test("the writes of all handlers of a chain, as one", async () => {
    const reply = await run(increment, increment);
    expect(reply.dataStores).toEqual([{ store: "counter", reads: [["total", 7]], writes: [["total", "6"]] }]);
  });

  test("nothing of a handler that throws after it wrote, only what it had read", async () => {
    const reply = await run(async (store) => {
      await store.increment("total");
      await store.set("other", 1);
      throw new Error("no");
    });
    expect(reply.ending).toMatchObject({ kind: "broke", error: { code: "HANDLER_ERROR" } });
    expect(reply.dataStores).toEqual([{ store: "counter", reads: [["total", 7]], writes: [] }]);
  });

  test("what the handlers before it wrote, where a later one throws", async () => {
    const reply = await run(increment, async (store) => {
      await store.set("total", 100);
      throw new Error("no");
    });
    expect(reply.steps.length).toBe(1);
    expect(reply.dataStores).toEqual([{ store: "counter", reads: [["total", 7]], writes: [["total", "5"]] }]);
  });

  test("nothing of a handler that ends invalid, takes too long, or is given up", async () => {
    const invalid = await run(async (store, _context, actions) => {
      await store.set("a", 1);
      actions.transitionTo("next");
    });
    expect(invalid.ending).toMatchObject({ kind: "invalid", error: { code: "TWO_OUTCOMES" } });

    const time = new ManualTime();
    const hanging = flow(async (store) => {
      await store.set("a", 1);
      await new Promise(() => undefined);
    });
    const late = runTurn(hanging, {}, { time });
    await time.armed;
    time.advance(30_000);

    const controller = new AbortController();
    const [givenUpTime] = [new ManualTime()];
    const givenUp = runTurn(hanging, {}, { time: givenUpTime, signal: controller.signal });
    await givenUpTime.armed;
    controller.abort();

    for (const reply of [invalid, await late, await givenUp] as TurnReply[]) expect(reply.dataStores).toBeUndefined();
    expect((await late).ending).toMatchObject({ error: { code: "HANDLER_TIMEOUT" } });
    expect((await givenUp).ending).toMatchObject({ error: { code: "HANDLER_ABORTED" } });
  });

  test("not a call that comes after the handler's return: it is refused", async () => {
    const kept: DataStore[] = [];
    const reply = await run((store) => void kept.push(store));
    const calls = await Promise.allSettled(
      kept.flatMap((store) => [
        store.get("total"),
        store.set("total", 1),
        store.increment("total"),
        store.delete("total"),
        store.compareAndSet("total", 4, 5),
        store.keys(),
      ]),
    );
    const refused = { status: "rejected", reason: { code: "HANDLER_OVER" } } as const;
    expect(calls).toMatchObject(Array.from({ length: 6 }, () => refused));
    expect(reply.dataStores).toBeUndefined();
  });

  test("a call that was not awaited fails the job rather than being lost", async () => {
    const answer = Promise.withResolvers<never>();
    const late = { ...noJobs, dataStores: { ask: () => answer.promise } };
    const calls: Promise<unknown>[] = [];
    const reply = await run((store) => void calls.push(store.set("total", 1)), undefined, late);
    expect(reply.ending).toMatchObject({ kind: "invalid", error: { code: "DATA_STORE_NOT_AWAITED" } });
    answer.reject(new Error("the disk is full"));
    expect(await Promise.allSettled(calls)).toMatchObject([{ reason: { code: "HANDLER_OVER" } }]);
  });
});

describe("a turn that a store holds up", () => {
  test("runs again as a whole, though its handler went on", async () => {
    const busy: HandlerHost = { ...noJobs, dataStores: { ask: () => Promise.resolve("again") } };
    const reply = await run((store) => store.get("total").catch(() => undefined), undefined, busy);
    expect(reply).toMatchObject({
      again: true,
      steps: [],
      ending: { kind: "broke", error: { code: "HANDLER_ABORTED" } },
    });
  });

  test("burns no attempt where the store cannot be asked", async () => {
    const broken: HandlerHost = { ...noJobs, dataStores: { ask: () => Promise.reject(new Error("the disk is full")) } };
    const reply = await run((store) => store.get("total"), undefined, broken);
    expect(reply.again).toBeUndefined();
    expect(reply.ending).toMatchObject({ kind: "broke", error: { code: "HANDLER_ABORTED" } });
    expect(JSON.stringify(reply.ending)).toContain("the disk is full");
  });
});

describe("a call that cannot be carried out fails the job and says why, also if it is caught", () => {
  test.each([
    ["an empty key", "DATA_STORE_INVALID_KEY", "1 to 512 bytes", (store) => store.get("")],
    ["a key that is no text", "DATA_STORE_INVALID_KEY", "number", (store) => store.get(7 as unknown as string)],
    ["a long key", "DATA_STORE_INVALID_KEY", "a text of 513 bytes", (store) => store.set("k".repeat(513), 1)],
    ["a broken key", "DATA_STORE_INVALID_KEY", 'data store "counter"', (store) => store.get("\ud800")],
    ["a prefix that is no text", "DATA_STORE_INVALID_KEY", "prefix", (store) => store.keys(1 as unknown as string)],
    ["nothing", "NOT_SERIALISABLE", 'key "a": undefined', (store) => store.set("a", undefined as unknown as Json)],
    ["no number", "NOT_SERIALISABLE", "NaN is nothing that JSON can keep", (store) => store.set("a", Number.NaN)],
    [
      "a function",
      "NOT_SERIALISABLE",
      'key "a" is a function',
      (store) => store.set("a", (() => 1) as unknown as Json),
    ],
    ["a BigInt", "NOT_SERIALISABLE", 'key "a"', (store) => store.compareAndSet("a", undefined, 1n as unknown as Json)],
    [
      "a large value",
      "DATA_STORE_VALUE_TOO_LARGE",
      "262144 are allowed",
      (store) => store.set("a", "x".repeat(262_144)),
    ],
    ["adding to a text", "DATA_STORE_NOT_A_NUMBER", 'key "name"', (store) => store.increment("name")],
    ["adding to null", "DATA_STORE_NOT_A_NUMBER", 'key "nothing"', (store) => store.increment("nothing")],
    ["adding no number", "DATA_STORE_NOT_A_NUMBER", "by NaN", (store) => store.increment("total", Number.NaN)],
    [
      "adding beyond all numbers",
      "DATA_STORE_NOT_A_NUMBER",
      "the sum",
      (store) => store.set("big", Number.MAX_VALUE).then(() => store.increment("big", Number.MAX_VALUE)),
    ],
    [
      "a store that is not declared",
      "UNKNOWN_DATA_STORE",
      "did you mean counter?",
      (_store, context) => storeOf(context, "countr").get("a"),
    ],
    [
      "more keys than a run may use",
      "DATA_STORE_TOO_MANY_KEYS",
      "at most 1000 keys",
      async (store, context) => {
        for (let key = 0; key < 600; key++) await store.set(`a${key}`, key);
        for (let key = 0; key < 600; key++) await storeOf(context, "cache").get(`b${key}`);
      },
    ],
    [
      "more than a run may keep",
      "OUTCOME_TOO_LARGE",
      "1048576 are allowed",
      async (store) => {
        for (let key = 0; key < 5; key++) await store.set(`a${key}`, "x".repeat(250_000));
      },
    ],
  ] as [string, string, string, Act][])("%s", async (_, code, words, act) => {
    const reply = await run(async (...given) => {
      try {
        await act(...given);
      } catch {
        // A handler may do so.
      }
    });
    expect(reply.ending).toMatchObject({ kind: "invalid", error: { code } });
    expect(JSON.stringify(reply.ending).replaceAll("\\", "")).toContain(words);
    expect(reply.dataStores?.flatMap(({ writes }) => writes) ?? []).toEqual([]);
  });
});

describe("a declaration that cannot be kept is refused with what to do", () => {
  const declare = (name: unknown, initial?: unknown) => () =>
    new Blueprint({ name: "flow" }).addDataStore(name as string, initial as Record<string, Json>);

  test.each([
    ["no name", declare(""), "letters, digits"],
    ["a name with a slash", declare("a/b"), 'a data store named "a/b"'],
    ["a name that objects keep to themselves", declare("__proto__"), "__proto__"],
    ["a long name", declare("a".repeat(129)), "up to 128"],
    ["initial values that are a list", declare("a", [1]), "give an object such as { total: 0 }"],
    ["an initial value that JSON cannot keep", declare("a", { f: () => 1 }), 'dataStores.a, key "f" is a function'],
    ["a large initial value", declare("a", { text: "x".repeat(262_143) }), "262144 are allowed"],
    ["an empty key", declare("a", { "": 1 }), "1 to 512 bytes"],
  ])("%s", (_, act, words) => expect(act).toThrow(words));

  test("a store twice", () => {
    const twice = () => new Blueprint({ name: "flow", dataStores: { a: {} } }).addDataStore("a");
    expect(twice).toThrow('declares data store "a" twice: take one of them out');
  });
});
