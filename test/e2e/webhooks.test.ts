/** What a job's client is told of its end, on the compiled program: once, again, never; and what its operator sees. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Received, startReceiver } from "../support/receiver.ts";
import { isBuilt, run, Server, temporaryFolder, TOKENS } from "./binary.ts";
import { call, cancel, type JobDocument, waitForEnd, waitUntil } from "./client.ts";

const LIMIT_MS = 60_000;
const SECRET = "s3cret-of-the-test";
const blueprints = join(import.meta.dir, "blueprints");
const asOperator = { "x-client-token": TOKENS.operator };

interface Told extends JobDocument {
  readonly webhook?: { readonly status: string; readonly attempts?: number; readonly last_error?: string | null };
}

interface Event {
  readonly event_id: string;
  readonly event: string;
  readonly job_id: string;
}

const eventOf = ({ body }: Received) => JSON.parse(body) as Event;

async function create(server: Server, url: string, input = {}, more = {}): Promise<string> {
  const body = JSON.stringify({ initial_data: input, webhook_url: url, ...more });
  const answer = await call(server, "/api/v1/jobs/ending", { method: "POST", body });
  if (answer.status !== 202) throw new Error(`${answer.status} ${answer.text}`);
  return String(answer.body["job_id"]);
}

function waitForWebhook(server: Server, id: string, status: string): Promise<Told> {
  return waitUntil(server, id, `its webhook is ${status}`, (job: Told) => job.webhook?.status === status);
}

describe.skipIf(!isBuilt)("webhooks", () => {
  const server = new Server({
    blueprints,
    environment: { WEBHOOK_SECRET: SECRET, WEBHOOK_ALLOW: "127.0.0.0/8", OUTBOX_RETRY_SECONDS: "600" },
  });
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(() => server.remove());

  test.each([["finished"], ["failed"], ["quarantined"], ["cancelled"]])(
    "tell of a job that is %s, signed, with what its client gave",
    async (end) => {
      await using receiver = startReceiver();
      const given = { security: { key: 1 }, metadata: { note: "é" } };
      const id = await create(server, `${receiver.url}/hook?x=1`, { end, say: "hi" }, given);
      if (end === "cancelled") {
        await waitUntil(server, id, "it waits", ({ status }) => status === "waiting_for_worker");
        await cancel(server, id);
      }
      const [told] = await receiver.count(1);
      await waitForWebhook(server, id, "delivered");
      expect(JSON.parse(told?.body ?? "")).toMatchObject({ event: `job_${end}`, job_id: id, status: end, ...given });
      const [, seconds, digest] = /^t=(\d+),v1=(\w+)$/.exec(told?.headers.get("x-avtomatika-signature") ?? "") ?? [];
      expect(digest).toBe(createHmac("sha256", SECRET).update(`${seconds}.${told?.body}`).digest("hex"));
      expect(told?.path).toBe("/hook?x=1");
    },
    LIMIT_MS,
  );

  test(
    "that are answered 500 are sent again, also by a server that was killed, with the same id",
    async () => {
      await using receiver = startReceiver();
      receiver.answer = () => new Response("not now", { status: 500 });
      const id = await create(server, receiver.url);
      await waitForEnd(server, id);
      await waitUntil(server, id, "it failed once", (job: Told) => (job.webhook?.attempts ?? 0) > 0);
      expect(await waitForWebhook(server, id, "pending")).toMatchObject({
        status: "finished",
        webhook: { last_error: expect.stringContaining("answered 500: not now") },
      });
      await server.kill();
      receiver.answer = () => new Response("ok");
      await server.start();
      await waitForWebhook(server, id, "delivered");
      expect(receiver.received.length).toBeGreaterThan(1);
      expect(new Set(receiver.received.map((one) => eventOf(one).event_id)).size).toBe(1);
    },
    LIMIT_MS,
  );

  test(
    "to somebody who hangs hold up no job and nobody else's webhooks, and a stop waits for none of them",
    async () => {
      await using hanging = startReceiver();
      await using other = startReceiver();
      hanging.answer = () => new Promise<Response>(() => undefined);
      const stuck = await Promise.all(Array.from({ length: 30 }, () => create(server, hanging.url)));
      await hanging.count(1);
      const id = await create(server, other.url);
      await waitForWebhook(server, id, "delivered");
      for (const one of stuck) expect((await waitForEnd(server, one)).status).toBe("finished");
      const beganMs = performance.now();
      expect(await server.stop()).toBe(0);
      expect(performance.now() - beganMs).toBeLessThan(9_000);
      hanging.answer = () => new Response("ok");
      await server.start();
      for (const one of stuck) await waitForWebhook(server, one, "delivered");
    },
    LIMIT_MS,
  );

  test.each([
    ["http://10.0.0.1/x", "WEBHOOK_ADDRESS_REFUSED"],
    ["http://169.254.169.254/latest/meta-data/", "WEBHOOK_ADDRESS_REFUSED"],
    ["http://[::1]:8080/", "WEBHOOK_ADDRESS_REFUSED"],
    ["http://localhost/x", "WEBHOOK_ADDRESS_REFUSED"],
    ["ftp://hooks.example/x", "INVALID_BODY"],
    ["https://user:secret@hooks.example/x", "INVALID_BODY"],
    ["no address", "INVALID_BODY"],
  ])("to %s are refused when the job is created", async (url, code) => {
    const body = JSON.stringify({ initial_data: {}, webhook_url: url });
    const answer = await call(server, "/api/v1/jobs/ending", { method: "POST", body });
    expect([answer.status, answer.body["code"]]).toEqual([422, code]);
  });

  test(
    "of 300 jobs at once all arrive, one for each",
    async () => {
      await using receiver = startReceiver();
      const jobs = Array.from({ length: 300 }, () => ({ initial_data: {}, webhook_url: receiver.url }));
      const answer = await call(server, "/api/v1/jobs/ending/batch", {
        method: "POST",
        body: JSON.stringify({ jobs }),
      });
      expect(answer.status).toBe(202);
      const told = (await receiver.count(300)).map(eventOf);
      expect(new Set(told.map((one) => one.job_id)).size).toBe(300);
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("webhooks that cannot be delivered", () => {
  const server = new Server({ blueprints, environment: { WEBHOOK_ALLOW: "127.0.0.1", OUTBOX_RETRY_SECONDS: "0" } });
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(() => server.remove());

  const failedOnes = async (path = "/api/v1/admin/outbox?failed=true") => {
    const { body } = await call(server, path, { headers: asOperator });
    return body["messages"] as { event_id: string; job_id: string; error: string; destination: string }[];
  };

  test(
    "are seen in the job, by operators, in the metrics and in the log, and are sent again when told to",
    async () => {
      await using receiver = startReceiver();
      receiver.answer = (one) => new Response("", { status: 302, headers: { location: `${receiver.url}${one.path}` } });
      const id = await create(server, `${receiver.url}/loop?token=hunter2`);
      const { webhook } = await waitForWebhook(server, id, "failed");
      expect(webhook?.last_error).toContain("redirects are not followed");
      expect(receiver.received.length).toBe(1);
      const [message] = await failedOnes();
      expect(message).toMatchObject({
        job_id: id,
        destination: new URL(receiver.url).host,
        error: webhook?.last_error,
      });
      const metrics = await call(server, "/_public/metrics");
      expect(metrics.text).toContain('orchestrator_outbox_messages{status="failed"} 1');
      expect(server.log).toContain("A message was given up");
      expect(server.log).toContain("WEBHOOK_SECRET");
      expect((await call(server, "/api/v1/admin/outbox")).status).toBe(403);

      const listed = await run(["outbox", "list", "--url", server.url, "--token", TOKENS.operator]);
      expect([listed.exitCode, listed.out]).toEqual([0, expect.stringContaining(message?.event_id ?? "")]);

      receiver.answer = () => new Response("ok");
      const path = `/api/v1/admin/outbox/${message?.event_id}/retry`;
      expect((await call(server, path, { method: "POST", headers: asOperator })).status).toBe(200);
      await waitForWebhook(server, id, "delivered");
      expect((await call(server, path, { method: "POST", headers: asOperator })).status).toBe(404);
      expect(await failedOnes()).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    "are thrown away when an operator says so",
    async () => {
      await using receiver = startReceiver();
      receiver.answer = () => new Response("", { status: 410 });
      const id = await create(server, receiver.url);
      await waitForWebhook(server, id, "failed");
      expect(
        (await call(server, "/api/v1/admin/outbox/discard", { method: "POST", headers: asOperator })).body,
      ).toEqual({
        status: "ok",
        messages: 1,
      });
      expect(await failedOnes()).toEqual([]);
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("webhooks, with nothing allowed", () => {
  const server = new Server({ blueprints });
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(() => server.remove());

  test(
    "are never sent to a name that leads to a private address",
    async () => {
      // This machine's own name: it can be looked up, and is not public.
      const id = await create(server, `http://${hostname()}:${server.port}/_public/live`);
      const { webhook } = await waitForWebhook(server, id, "failed");
      expect(webhook).toMatchObject({ attempts: 1, last_error: expect.stringContaining("WEBHOOK_ALLOW") });
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("settings of what is sent", () => {
  test.each([
    [{ WEBHOOK_ALLOW: "10.0.0.0/99" }, "WEBHOOK_ALLOW"],
    [{ WEBHOOK_ALLOW: "a b" }, "WEBHOOK_ALLOW"],
    [{ TELEGRAM_BOT_TOKEN: "t" }, "TELEGRAM_CHAT_ID"],
    [{ TELEGRAM_CHAT_ID: "1" }, "TELEGRAM_BOT_TOKEN"],
    [{ TELEGRAM_BOT_TOKEN: "t", TELEGRAM_CHAT_ID: "1", TELEGRAM_UPDATES: "webhook" }, "PUBLIC_URL"],
    [{ PUBLIC_URL: "jobs.example" }, "PUBLIC_URL"],
    [{ SLACK_WEBHOOK_URL: "file:///etc/passwd" }, "SLACK_WEBHOOK_URL"],
    [{ APPROVAL_LINK_HOURS: "0" }, "APPROVAL_LINK_HOURS"],
  ])(
    "that are wrong stop the start and are named: %p",
    async (environment, named) => {
      const folder = temporaryFolder();
      try {
        const argv = ["serve", "--port", "0", "--data-dir", join(folder.path, "data"), "--blueprints", blueprints];
        const { exitCode, err } = await run(argv, { environment: environment as Record<string, string> });
        expect([exitCode, err]).toEqual([2, expect.stringContaining(named)]);
      } finally {
        folder.remove();
      }
    },
    LIMIT_MS,
  );
});
