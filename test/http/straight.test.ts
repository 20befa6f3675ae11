import { describe, expect, test } from "bun:test";
import type { Manifest } from "../../src/catalog/port.ts";
import { matcherOf, postsOf } from "../../src/http/route-paths.ts";
import { createStraight } from "../../src/http/straight.ts";
import { Refusal } from "../../src/system/errors.ts";
import { asClient, asOperator, createDoors, request } from "./doors.ts";
import { createFake, job, manifest } from "./fake-orchestrator.ts";

const PATH = "/api/v1/jobs/simple_flow";
const strict = { type: "object", required: ["url"], properties: { url: { type: "string" } } };

interface Asked {
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  readonly local?: true;
  readonly fails?: Error;
}

/** All that the caller sees of the answer, and what the engine was told. */
async function seen(path: string, { headers = asClient, body = "{}", local, fails }: Asked) {
  const fake = createFake([manifest({ inputSchema: strict })]);
  const { submit } = fake.orchestrator.jobs;
  fake.orchestrator.jobs.submit = (...asked) => (fails ? Promise.reject(fails) : submit(...asked));
  fake.told.refused.push({
    severity: "error",
    file: "simple.ts",
    line: 1,
    column: 1,
    rule: "syntax",
    message: "broken",
    serving: ["simple"],
  });
  const doors = createDoors(fake, { bodyBytesMax: 2000 });
  const answer = await (local ? doors.local : doors.app).handle(request("POST", path, headers, body));
  const text = (await answer.text()).replaceAll(/[\da-f]{8}-[\da-f-]{27}/g, "AN-ID");
  const log = doors.lines.map(({ level, message }) => `${level} ${message}`);
  return { status: answer.status, headers: [...answer.headers], text, told: fake.told.created, log };
}

describe("a creation at its blueprint's own path", () => {
  test.each<[string, Asked]>([
    ["a bare body", { body: '{"url": "x"}' }],
    ["an envelope", { body: { initial_data: { url: "x" }, priority: 3, tags: ["night"] } }],
    ["no body at all", { body: "" }],
    ["what is no JSON", { body: "{nope" }],
    ["what is no object", { body: "[1]" }],
    ["half a surrogate pair", { body: String.raw`{"url":"\ud800"}` }],
    ["what the schema does not take", { body: { url: 1 } }],
    ["a body that is too large", { body: { url: "x".repeat(3000) } }],
    ["a webhook to a private address", { body: { initial_data: { url: "x" }, webhook_url: "http://127.0.0.1/" } }],
    ["no token", { headers: {} }],
    ["a wrong token", { headers: { "x-client-token": "guess" } }],
    ["the token of workers", { headers: { "x-client-token": "w-token" } }],
    ["an operator", { headers: asOperator, body: { url: "x" } }],
    ["the local door", { headers: {}, local: true, body: { url: "x" } }],
    ["a key", { headers: { ...asClient, "idempotency-key": "k" }, body: { url: "x" } }],
    ["a key that is too long", { headers: { ...asClient, "idempotency-key": "k".repeat(256) }, body: { url: "x" } }],
    ["a trace", { headers: { ...asClient, traceparent: "00-a-b-01", baggage: "a=1" }, body: { url: "x" } }],
    ["the version of a worker's protocol", { headers: { ...asClient, "x-rxon-version": "1.0" }, body: { url: "x" } }],
    ["an engine that is busy", { body: { url: "x" }, fails: new Refusal("TOO_BUSY", 503, "Later.", undefined, 1) }],
    ["an engine that is broken", { body: { url: "x" }, fails: new Error("boom") }],
  ])("is answered as the router's way answers it: %s", async (_, asked) => {
    // With a slash at the end it is the same endpoint, and the router finds it.
    expect(await seen(PATH, asked)).toEqual(await seen(`${PATH}/`, asked));
  });

  test("is no creation where another route has that path", async () => {
    const id = job().id;
    const fake = createFake([manifest({ endpoint: `jobs/${id}/cancel` }), manifest({ name: "b", endpoint: "jobs/b" })]);
    fake.jobs.set(id, job());
    const { app } = createDoors(fake);
    const answer = await app.handle(request("POST", `/api/v1/jobs/${id}/cancel`, asClient, "{}"));
    expect(await answer.text()).toContain("cancellation_request");
    expect(fake.told.created).toEqual([]);
  });
});

describe("the straight way", () => {
  const versioned = manifest();
  const free = manifest({ name: "free", endpoint: "free", apiVersion: "" });
  const odd = manifest({ name: "odd", endpoint: "a%62", apiVersion: "" });
  const { orchestrator } = createFake([versioned, free, odd]);
  const find = (method: string, path: string, clientPrefix = "/api"): Manifest | undefined =>
    createStraight({
      catalog: orchestrator.catalog,
      creator: { submitOne: async () => [], answerOne: () => new Response() },
      door: {
        client: () => {
          throw new Error("nobody comes here");
        },
      },
      settings: { bodyBytesMax: 1, clientPrefix },
      fail: () => new Response(),
      tell: (_, response) => response,
      isRouted: () => false,
    }).find(new Request(`http://s${path}`, { method }));

  test("is that of POSTs at the exact path, with and without a version", () => {
    expect(find("POST", PATH)).toBe(versioned);
    expect(find("POST", "/api/free")).toBe(free);
    expect(find("POST", "/free", "")).toBe(free);
  });

  test.each([
    ["GET", PATH],
    ["HEAD", PATH],
    ["POST", `${PATH}/`],
    ["POST", `${PATH}/batch`],
    ["POST", `${PATH}?x=1`],
    ["POST", "/api//free"],
    ["POST", "/api/fr%65e"],
    ["POST", "/api/a%62"],
    ["POST", "/apis/free"],
    ["POST", "/free"],
    ["POST", "/"],
  ])("is not that of %s %s", (method, path) => {
    expect(find(method, path)).toBeUndefined();
  });
});

describe("the path of a route", () => {
  test.each([
    ["/api/jobs", "/api/jobs", true],
    ["/api/jobs", "/api/jobs/", true],
    ["/api/jobs", "/api/job", false],
    ["/api/:version/jobs", "/api/v1/jobs", true],
    ["/api/:version/jobs", "/api/v1/jobs/x", false],
    ["/api/jobs/:id/files/*", "/api/jobs/1/files/a/b", true],
    ["/api/jobs/:id/files/*", "/api/jobs/1/file/a", false],
    ["/api/*", "/api", true],
    ["/api/*", "/other/x", false],
  ])("%s takes %s: %p", (route, path, takes) => {
    expect(matcherOf(route)(path)).toBe(takes);
  });

  test("counts where it takes POSTs and is not the one of all blueprints", () => {
    const routes = [
      { method: "GET", path: "/api/jobs/:id" },
      { method: "POST", path: "/api/jobs/:id/retry" },
      { method: "POST", path: "/api/*" },
    ];
    const isRouted = postsOf(routes, "/api/*");
    expect(["/api/jobs/1", "/api/jobs/1/retry", "/api/v1/x"].map(isRouted)).toEqual([false, true, false]);
  });
});
