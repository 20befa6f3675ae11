import { describe, expect, test } from "bun:test";
import { createAccess, identityOf } from "../../src/access/access.ts";
import { ensureTokens, hashOf, tokensFromEnvironment } from "../../src/access/tokens.ts";

let next = 0;
const random = { next: () => 0.5, bytes: (count: number) => new Uint8Array(count).fill(++next) };

function registers(stored = new Map<string, string>()) {
  return {
    stored: () => stored,
    tokenHashes: async () => stored,
    saveTokenHashes: async (hashes: ReadonlyMap<string, string>) => void (stored = new Map(hashes)),
  };
}

describe("tokens of a server", () => {
  test("the first start makes three, says them once and keeps only hashes", async () => {
    const store = registers();
    const first = await ensureTokens(store, random, {});
    const made = Object.values(first.made);
    expect(store.stored().size).toBe(0);
    await first.keep();
    expect(Object.keys(first.made).toSorted()).toEqual(["client", "operator", "worker"]);
    expect(new Set(made).size).toBe(3);
    for (const token of made) expect([...store.stored().values()]).not.toContain(token);

    const second = await ensureTokens(store, random, {});
    expect(second).toMatchObject({ hashes: first.hashes, made: {} });
  });

  test("a configured token is used and not stored: taking the setting away takes it away", async () => {
    const store = registers();
    const first = await ensureTokens(store, random, { client: "mine" });
    await first.keep();
    expect(first.hashes.client).toBe(hashOf("mine"));
    expect(store.stored().has("client")).toBe(false);
    const second = await ensureTokens(store, random, {});
    expect(Object.keys(second.made)).toEqual(["client"]);
    expect(second.hashes.client).not.toBe(hashOf("mine"));
    expect(second.hashes.worker).toBe(first.hashes.worker);
  });

  test("with all three configured nothing is made or stored", async () => {
    const store = registers();
    const { made, keep } = await ensureTokens(store, random, { client: "a", worker: "b", operator: "c" });
    await keep();
    expect(made).toEqual({});
    expect(store.stored().size).toBe(0);
  });

  test("a shared token for workers that is not wanted is neither made nor taken from before", async () => {
    const store = registers();
    await (await ensureTokens(store, random, {})).keep();
    const second = await ensureTokens(store, random, {}, ["client", "operator"]);
    expect([second.hashes.worker, second.made]).toEqual([undefined, {}]);
    const third = await ensureTokens(store, random, { worker: "w" }, ["client", "operator"]);
    expect(third.hashes.worker).toBe(hashOf("w"));
  });

  test("an operator's token that others have too is refused", () => {
    expect(ensureTokens(registers(), random, { client: "same", operator: "same" })).rejects.toMatchObject({
      code: "TOKENS_EQUAL",
    });
  });

  test("the environment has two names for the workers' token, and empty ones do not count", () => {
    expect(tokensFromEnvironment({ CLIENT_TOKEN: "", WORKER_TOKEN: "b", OPERATOR_TOKEN: "c" })).toEqual({
      worker: "b",
      operator: "c",
    });
    expect(tokensFromEnvironment({ GLOBAL_WORKER_TOKEN: "a", WORKER_TOKEN: "b" })).toEqual({ worker: "a" });
  });
});

describe("who a token stands for", () => {
  const access = createAccess({ client: hashOf("c"), worker: hashOf("w"), operator: hashOf("o") });

  test("a client sees its own, an operator all, others nobody", () => {
    expect(access.client("c")).toMatchObject({ viewer: "default", isOperator: false });
    expect(access.client("o")).toMatchObject({ viewer: undefined, isOperator: true });
    for (const token of ["w", "", hashOf("c"), "C"]) expect(access.client(token)).toBeUndefined();
  });

  test("a worker's token opens the workers' door alone", () => {
    expect(access.worker("w")).not.toBeString();
    for (const token of ["c", "o", ""]) expect(access.worker(token)).toBe("unknown");
  });

  test("a shared token acts as whom it claims, an own one only as its owner", () => {
    const admits = () => true;
    expect(identityOf({ admits }, "w1")).toBe("w1");
    expect(identityOf({ admits }, undefined)).toBeUndefined();
    expect(identityOf({ workerId: "w1", admits }, undefined)).toBe("w1");
    expect(() => identityOf({ workerId: "w1", admits }, "w2")).toThrow('belongs to worker "w1"');
  });
});
