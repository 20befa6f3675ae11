import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { createWebhookSender } from "../../src/notify/webhooks.ts";
import { createTargets, readAllowed } from "../../src/notify/targets.ts";
import type { OutboxRow } from "../../src/storage/port.ts";
import { capturedLog } from "../support/captured-log.ts";
import { ManualTime } from "../support/manual-time.ts";
import { startReceiver } from "../support/receiver.ts";
import { idOf } from "../storage/sample.ts";

const ALLOW_LOOPBACK = readAllowed(["127.0.0.0/8", "hooks.test"]) ?? { networks: [], hosts: [] };

function stage(options: { secret?: string; address?: string; allowed?: typeof ALLOW_LOOPBACK } = {}) {
  const time = new ManualTime();
  const { log, lines } = capturedLog();
  const { address = "127.0.0.1", allowed = ALLOW_LOOPBACK, secret } = options;
  const targets = createTargets(allowed, (_host, done) => done(null, [{ address, family: 4 }]));
  const sender = createWebhookSender({ clock: time, timers: time, log, version: "1.2.3", targets, secret });
  return {
    time,
    lines,
    send: (url: string, payload = '{"event":"job_finished"}', signal = new AbortController().signal) =>
      sender.send(rowOf(`${url}\n${payload}`), signal),
  };
}

function rowOf(body: string): OutboxRow {
  return {
    id: idOf(7),
    jobId: idOf(1),
    kind: "webhook",
    destination: "x",
    body,
    sinceMs: 0,
    attempts: 2,
    dueAtMs: 0,
    failedAtMs: undefined,
    error: undefined,
  };
}

describe("a webhook", () => {
  test("is posted as JSON with the id of its event, to the letter", async () => {
    await using receiver = startReceiver();
    const { send } = stage();
    expect(await send(`${receiver.url}/hook?a=1`, '{"n":9007199254740993}')).toEqual({ type: "delivered" });
    const [request] = receiver.received;
    expect(request?.path).toBe("/hook?a=1");
    expect(request?.body).toBe(`{"event_id":"${idOf(7)}","n":9007199254740993}`);
    expect(request?.headers.get("content-type")).toBe("application/json");
    expect(request?.headers.get("x-avtomatika-event-id")).toBe(idOf(7));
    expect(request?.headers.get("x-avtomatika-attempt")).toBe("3");
    expect(request?.headers.get("user-agent")).toBe("avtomatika/1.2.3");
  });

  test("is signed over its time and its body", async () => {
    await using receiver = startReceiver();
    const { send } = stage({ secret: "s3cret" });
    await send(receiver.url);
    const [request] = receiver.received;
    const [, seconds, digest] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(
      request?.headers.get("x-avtomatika-signature") ?? "",
    ) ?? ["", "", ""];
    const expected = createHmac("sha256", "s3cret").update(`${seconds}.${request?.body}`).digest("hex");
    expect(digest).toBe(expected);
  });

  test("without a secret is unsigned, and the log says so once", async () => {
    await using receiver = startReceiver();
    const { send, lines } = stage();
    await send(receiver.url);
    await send(receiver.url);
    expect(receiver.received[0]?.headers.has("x-avtomatika-signature")).toBe(false);
    expect(lines.filter((line) => line.message.includes("WEBHOOK_SECRET")).length).toBe(1);
  });

  test("keeps the host's name while it connects to the address that was looked up", async () => {
    await using receiver = startReceiver();
    const { port } = new URL(receiver.url);
    expect(await stage().send(`http://hooks.test:${port}/`)).toEqual({ type: "delivered" });
    expect(receiver.received[0]?.headers.get("host")).toBe(`hooks.test:${port}`);
  });

  test("that is answered with an error is told with status, text and when to come back", async () => {
    await using receiver = startReceiver();
    receiver.answer = () => new Response("overloaded", { status: 503, headers: { "retry-after": "7" } });
    const { host } = new URL(receiver.url);
    expect(await stage().send(receiver.url)).toEqual({
      type: "failed",
      error: `${host} answered 503: overloaded`,
      isDown: true,
      retryAfterMs: 7000,
    });
  });

  test("that is redirected, even to itself, fails at once and names where to", async () => {
    await using receiver = startReceiver();
    receiver.answer = () => new Response("", { status: 302, headers: { location: `${receiver.url}/again` } });
    const delivery = await stage().send(receiver.url);
    expect(delivery).toMatchObject({ type: "failed", error: expect.stringContaining(`${receiver.url}/again`) });
    expect(receiver.received.length).toBe(1);
  });

  test("that nobody answers is given up after 10 s", async () => {
    await using receiver = startReceiver();
    receiver.answer = () => new Promise<Response>(() => undefined);
    const { send, time } = stage();
    const sending = send(receiver.url);
    await receiver.count(1);
    time.advance(10_000);
    expect(await sending).toMatchObject({ type: "failed", error: expect.stringContaining("within 10 s") });
  });

  test("that is answered without an end is not read for ever", async () => {
    await using receiver = startReceiver();
    receiver.answer = () => {
      const body = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(16_384)) });
      return new Response(body, { status: 200 });
    };
    expect(await stage().send(receiver.url)).toEqual({ type: "delivered" });
  });

  test("that is refused a connection says so", async () => {
    const receiver = startReceiver();
    await receiver[Symbol.asyncDispose]();
    const { host } = new URL(receiver.url);
    expect(await stage().send(receiver.url)).toEqual({
      type: "failed",
      error: `${host} refused the connection`,
      isDown: true,
    });
  });

  test("to a private address is never sent, by number or by name", async () => {
    await using receiver = startReceiver();
    const nothing = { networks: [], hosts: [] };
    const { port } = new URL(receiver.url);
    for (const url of [receiver.url, `http://hooks.test:${port}/`, "http://169.254.169.254/latest/meta-data"]) {
      expect(await stage({ allowed: nothing }).send(url)).toMatchObject({
        type: "failed",
        isFinal: true,
        error: expect.stringContaining("WEBHOOK_ALLOW"),
      });
    }
    expect(receiver.received).toEqual([]);
  });

  test("that is under way when the server stops is given up at once", async () => {
    await using receiver = startReceiver();
    receiver.answer = () => new Promise<Response>(() => undefined);
    const controller = new AbortController();
    const sending = stage().send(receiver.url, "{}", controller.signal);
    await receiver.count(1);
    controller.abort();
    expect(await sending).toMatchObject({ type: "failed", error: expect.stringContaining("the server stops") });
  });
});
