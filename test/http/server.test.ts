import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job } from "../../src/job/model.ts";
import { createHttpServer, type HttpServer } from "../../src/http/server.ts";
import { DEFAULT_HTTP_SETTINGS, type HttpSettings } from "../../src/http/settings.ts";
import { asClient, asWorker, createGate, quiet, until } from "./doors.ts";
import { createFake, event, type Fake, job, task } from "./fake-orchestrator.ts";
import { createFakeSchedules } from "./fake-schedules.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "doors-"));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function serve(fake: Fake, over: Partial<HttpSettings> = {}, openSocketPath?: string): Promise<HttpServer> {
  const server = createHttpServer({
    orchestrator: fake.orchestrator,
    schedules: createFakeSchedules(),
    ...createGate(quiet),
    system: quiet,
    settings: { ...DEFAULT_HTTP_SETTINGS, port: 0, ...over },
    ...(openSocketPath !== undefined && { openSocketPath }),
  });
  await server.start();
  cleanups.push(() => server.stop());
  return server;
}

describe("listening", () => {
  test("a port in use is refused by its number, and nothing is left open", async () => {
    const first = await serve(createFake());
    const path = join(folder(), "door.sock");
    const second = createHttpServer({
      orchestrator: createFake().orchestrator,
      schedules: createFakeSchedules(),
      ...createGate(quiet),
      system: quiet,
      settings: { ...DEFAULT_HTTP_SETTINGS, port: first.port },
      openSocketPath: path,
    });
    expect(second.start()).rejects.toMatchObject({
      code: "PORT_IN_USE",
      message: expect.stringContaining(`${first.port}`),
    });
    expect(existsSync(path)).toBe(false);
    await second.stop();
  });

  test("the local door is its owner's alone, needs no token, and goes with the server", async () => {
    const path = join(folder(), "door.sock");
    const server = await serve(createFake(), {}, path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const inside = await fetch("http://local/api/blueprints/simple/jobs", { unix: path, method: "POST", body: "{}" });
    expect(inside.status).toBe(202);
    const outside = await fetch(`${server.url}/api/blueprints/simple/jobs`, {
      method: "POST",
      body: "{}",
      headers: { host: "local", "x-forwarded-for": "unix", forwarded: "for=unix" },
    });
    expect(outside.status).toBe(401);
    await server.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("a socket file that a killed server left is replaced, another file is not", async () => {
    const path = join(folder(), "door.sock");
    const stale = Bun.serve({ unix: path, fetch: () => new Response("") });
    await serve(createFake(), {}, path);
    expect((await fetch("http://local/_public/live", { unix: path })).status).toBe(200);
    await stale.stop(true);
    const file = join(folder(), "door.sock");
    writeFileSync(file, "mine");
    expect(serve(createFake(), {}, file)).rejects.toMatchObject({ code: "SOCKET_NOT_OPENED" });
  });

  test("stopping before the start, and twice, is fine; it never serves after that", async () => {
    const server = createHttpServer({
      orchestrator: createFake().orchestrator,
      schedules: createFakeSchedules(),
      ...createGate(quiet),
      system: quiet,
      settings: { ...DEFAULT_HTTP_SETTINGS, port: 0 },
    });
    await server.stop();
    await server.start();
    await server.stop();
    expect(server.port).toBe(0);
  });

  test("a body over the limit is answered, and the next one is taken", async () => {
    const server = await serve(createFake(), { bodyBytesMax: 1000 });
    const path = `${server.url}/api/v1/jobs/simple_flow`;
    const big = await fetch(path, { method: "POST", headers: asClient, body: JSON.stringify({ x: "x".repeat(2000) }) });
    expect(big.status).toBe(413);
    expect(await big.json()).toMatchObject({ code: "BODY_TOO_LARGE" });
    const small = await fetch(path, { method: "POST", headers: asClient, body: "{}" });
    expect(small.status).toBe(202);
  });
});

describe("parked polls on a real connection", () => {
  const path = "/_worker/workers/w1/tasks/next";

  test("a worker that goes away is noticed at once", async () => {
    const fake = createFake();
    const server = await serve(fake);
    const { promise: noticed, resolve: notice } = Promise.withResolvers<void>();
    let isParked = false;
    fake.polls.push((signal) => {
      isParked = true;
      return new Promise((resolve) =>
        signal.addEventListener("abort", () => (notice(), resolve(task({ task_id: "x" })))),
      );
    });
    const gone = new AbortController();
    const answer = fetch(server.url + path, { headers: asWorker, signal: gone.signal }).catch(() => undefined);
    await until(() => isParked, "the poll");
    gone.abort();
    await noticed;
    await answer;
    await until(() => fake.told.undelivered.length === 1, "the task was given back");
  });

  test("stopping the server ends the wait with an empty answer", async () => {
    const fake = createFake();
    const server = await serve(fake);
    let isParked = false;
    fake.polls.push((signal) => {
      isParked = true;
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined)));
    });
    const answer = fetch(server.url + path, { headers: asWorker });
    await until(() => isParked, "the poll");
    await server.stop();
    expect((await answer).status).toBe(204);
  });
});

describe("events of a job", () => {
  const id = job().id;

  function prepare(over: Partial<Job> = {}) {
    const fake = createFake();
    fake.jobs.set(id, job(over));
    fake.events.set(id, [event(1), event(2), handOut(3)]);
    return fake;
  }

  function handOut(sequence: number, taskId = "t") {
    return event(sequence, {
      event_type: "task_dispatched",
      context_snapshot: { task_info: { task_id: taskId, type: "work" } },
    });
  }

  async function open(fake: Fake, headers: Record<string, string> = {}, over: Partial<HttpSettings> = {}) {
    const server = await serve(fake, over);
    const stop = new AbortController();
    const answer = await fetch(`${server.url}/api/v1/jobs/${id}/events`, {
      headers: { ...asClient, ...headers },
      signal: stop.signal,
    });
    let text = "";
    const read = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of answer.body ?? []) text += decoder.decode(chunk);
    })().catch(() => undefined);
    return { answer, server, stop, read, text: () => text };
  }

  test("what happened comes first, what happens follows, the end closes it", async () => {
    const fake = prepare();
    const { answer, read, text } = await open(fake);
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    await until(() => text().includes("id: 2"), "the past");
    fake.change(id, { type: "progress", taskId: "t", progress: 0.5, message: "half", atMs: 0 });
    await until(() => text().includes("event: progress"), "progress");
    fake.events.get(id)?.push(event(4, { event_type: "job_completed" }));
    fake.jobs.set(id, job({ status: "finished" }));
    fake.change(id, { type: "committed", version: 2, status: "finished" });
    await read;
    expect(text()).toContain('id: 1\nevent: state_started\ndata: {"sequence":1');
    expect(text()).toContain(
      'data: {"task_id":"t","progress":0.5,"message":"half","timestamp":"1970-01-01T00:00:00.000Z"}',
    );
    expect(text()).toEndWith(`event: end\ndata: {"job_id":"${id}","status":"finished"}\n\n`);
    expect(text().indexOf("event: job_completed")).toBeLessThan(text().indexOf("event: end"));
    expect(text().indexOf("event: task_dispatched")).toBeLessThan(text().indexOf("event: progress"));
    expect(text()).not.toContain("snapshot");
    expect(fake.watchers(id)).toBe(0);
  });

  test("progress that comes before its task's hand-out is on disk is told after it", async () => {
    const fake = prepare();
    const { stop, read, text } = await open(fake);
    await until(() => text().includes("id: 3"), "the past");
    fake.change(id, { type: "progress", taskId: "late", progress: 0.1, message: "late", atMs: 0 });
    fake.change(id, { type: "progress", taskId: "t", progress: 0.2, message: "of the other", atMs: 0 });
    await until(() => text().includes("of the other"), "the other task's progress");
    expect(text()).not.toContain('"progress":0.1');
    fake.events.get(id)?.push(handOut(4, "late"));
    fake.change(id, { type: "committed", version: 2, status: "waiting_for_worker" });
    await until(() => text().includes('"progress":0.1'), "the late progress");
    expect(text().indexOf("id: 4\nevent: task_dispatched")).toBeLessThan(text().indexOf('"progress":0.1'));
    stop.abort();
    await read;
  });

  test("progress that comes faster than it can be sent is told as the newest of each task, and kept nowhere", async () => {
    const fake = prepare();
    const { stop, read, text } = await open(fake);
    await until(() => text().includes("id: 2"), "the past");
    const told = 100_000;
    for (let count = 1; count <= told; count++) {
      fake.change(id, { type: "progress", taskId: "t", progress: count, message: "m", atMs: 0 });
    }
    await until(() => text().includes(`"progress":${told},`), "the newest progress");
    expect(text().split("event: progress").length - 1).toBeLessThan(10);
    stop.abort();
    await read;
  });

  test("Last-Event-ID goes on from there, and a job that is over ends at once", async () => {
    const { read, text } = await open(prepare({ status: "failed" }), { "last-event-id": "1" });
    await read;
    expect(text()).not.toContain("id: 1\n");
    expect(text()).toContain("id: 2\n");
    expect(text()).toContain('"status":"failed"');
  });

  test("silence is filled with comments", async () => {
    const { text, stop } = await open(prepare(), {}, { eventCommentMs: 1 });
    await until(() => text().includes(": still here"), "a comment");
    stop.abort();
  });

  test("a reader that goes away leaves nothing behind", async () => {
    const fake = prepare();
    const { stop, text } = await open(fake);
    await until(() => text().includes("id: 2"), "the past");
    expect(fake.watchers(id)).toBe(1);
    stop.abort();
    await until(() => fake.watchers(id) === 0, "the watch ends");
  });

  test("a job that is not there is a 404 and leaves nothing behind", async () => {
    const fake = createFake();
    const { answer } = await open(fake);
    expect(answer.status).toBe(404);
    expect(fake.watchers(id)).toBe(0);
  });

  test("stopping the server ends the stream", async () => {
    const { server, read, text } = await open(prepare());
    await until(() => text().includes("id: 2"), "the past");
    await server.stop();
    await read;
  });

  test("a reader that does not read holds nothing but the newest", async () => {
    const fake = prepare();
    let pages = 0;
    const { history } = fake.orchestrator.jobs;
    fake.orchestrator.jobs.history = (...asked) => {
      pages += 1;
      return history(...asked);
    };
    const server = await serve(fake);
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: server.port,
      socket: { data: (open) => void open.pause() },
    });
    cleanups.push(() => socket.end());
    socket.write(`GET /api/v1/jobs/${id}/events HTTP/1.1\r\nhost: x\r\nx-client-token: c-token\r\n\r\n`);
    await until(() => fake.watchers(id) === 1, "the watch");
    // Far more than socket buffers hold: a reader that took all would need every page.
    fake.events.set(
      id,
      Array.from({ length: 20_000 }, (_, index) => event(index + 1, { state: "x".repeat(5000) })),
    );
    fake.change(id, { type: "committed", version: 2, status: "running" });
    for (let turn = 0; turn < 300; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(pages).toBeLessThan(150);
  });
});
