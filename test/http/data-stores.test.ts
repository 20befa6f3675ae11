import { describe, expect, test } from "bun:test";
import { asClient, asOperator, createDoors, request } from "./doors.ts";
import { createFake } from "./fake-orchestrator.ts";

const PATH = "/api/v1/blueprints/simple/stores/counter";

function open() {
  const fake = createFake();
  const keys = ["a", "a%b", "b", "user:1", "user:2"];
  fake.stores.set(
    "simple/counter",
    keys.map((key, index) => ({ key, version: 1, json: `{"n":${index}}` })),
  );
  const { app } = createDoors(fake);
  return async (path: string, headers: Record<string, string> = asOperator) => {
    const answer = await app.handle(request("GET", path, headers));
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
}

describe("an operator reads a data store", () => {
  test("with all of it in one page, under both prefixes", async () => {
    const ask = open();
    for (const path of [PATH, PATH.replace("/v1", "")]) {
      const { status, body } = await ask(path);
      expect(status).toBe(200);
      expect(body).toMatchObject({ blueprint_name: "simple", store: "counter", next_cursor: null });
      expect((body["entries"] as object[])[0]).toEqual({ key: "a", value: { n: 0 } });
    }
  });

  test("page by page, and by prefix", async () => {
    const ask = open();
    const seen: unknown[] = [];
    for (let cursor: unknown = ""; typeof cursor === "string";) {
      const { body } = await ask(`${PATH}?limit=2${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
      seen.push(...(body["entries"] as { key: string }[]).map(({ key }) => key));
      cursor = body["next_cursor"];
    }
    expect(seen).toEqual(["a", "a%b", "b", "user:1", "user:2"]);
    const { body } = await ask(`${PATH}?prefix=user:&limit=1`);
    expect(body).toMatchObject({ entries: [{ key: "user:1" }], next_cursor: "user:1" });
  });

  test("and nobody else may", async () => {
    const ask = open();
    expect(await ask(PATH, asClient)).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
    expect(await ask(PATH, {})).toMatchObject({ status: 401, body: { code: "MISSING_TOKEN" } });
  });

  test("that is not there, or by a limit that is none, and is told", async () => {
    const ask = open();
    expect(await ask(PATH.replace("counter", "nope"))).toMatchObject({
      status: 404,
      body: { code: "DATA_STORE_NOT_FOUND" },
    });
    expect(await ask(`${PATH}?limit=x`)).toMatchObject({ status: 400, body: { code: "INVALID_PARAMETER" } });
  });
});
