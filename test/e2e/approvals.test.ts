/** People decide, on the compiled program: by commands, over HTTP, by Telegram, by links; over kills, and wrongly. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startReceiver } from "../support/receiver.ts";
import { FakeTelegram } from "../support/telegram.ts";
import { eventually, examples, isBuilt, type Program, run, Server, startWorker, TOKENS } from "./binary.ts";
import { call, cancel, type JobDocument, read, submit, waitForEnd, waitUntil } from "./client.ts";

const LIMIT_MS = 60_000;
const FLOW = "jobs/moderation_flow";
const CHAT = "4242";
const WORKER = join(examples, "_workers", "02-data.ts");
const blueprints = join(import.meta.dir, "blueprints");

interface Waiting extends JobDocument {
  readonly waiting_for?: Readonly<Record<string, unknown>>;
}

async function waitForPerson(server: Server, id: string): Promise<Waiting> {
  return waitUntil(server, id, "it waits for a person", ({ status }) => status === "waiting_for_human");
}

async function decisionIn(server: Server, id: string): Promise<unknown> {
  const { text } = await call(server, `/api/v1/jobs/${id}/history`);
  const events = JSON.parse(text) as { event_type: string; context_snapshot?: { approval?: unknown } }[];
  return events.find((event) => event.event_type === "approval_decided")?.context_snapshot?.approval;
}

function decide(server: Server, id: string, body: object, headers: Record<string, string> = {}) {
  const path = `/_public/webhooks/approval/${id}`;
  return call(server, path, { method: "POST", body: JSON.stringify(body), headers });
}

describe.skipIf(!isBuilt)("recipe 2, with nobody to ask", () => {
  const server = new Server();
  let worker: Program | undefined;
  const command = (...argv: readonly string[]) => run(["jobs", ...argv, "--url", server.url, "--token", TOKENS.client]);

  beforeAll(async () => {
    await server.start();
    worker = startWorker(server, [WORKER]);
  }, LIMIT_MS);
  afterAll(async () => {
    await worker?.kill();
    await server.remove();
  });

  test(
    "waits all the same, says why nobody was asked and how to decide, and is approved by command",
    async () => {
      const id = await submit(server, FLOW, { topic: "foxes" });
      await waitForPerson(server, id);
      const failed = (job: Waiting) => job.waiting_for?.["message_status"] === "failed";
      const waiting: Waiting = await waitUntil(server, id, "it says that nobody was asked", failed);
      expect(waiting.waiting_for).toMatchObject({
        integration: "telegram",
        decisions: ["approved", "rejected"],
        last_error: expect.stringContaining("TELEGRAM_BOT_TOKEN"),
        decide_with: expect.stringContaining(`orchestrator jobs decide ${id}`),
      });
      expect(server.log).toContain("TELEGRAM_BOT_TOKEN");
      const { exitCode, err } = await command("approve", id, "--comment", "nice");
      expect([exitCode, err]).toEqual([0, ""]);
      expect(await waitForEnd(server, id)).toMatchObject({
        status: "finished",
        current_state: "finished",
        result: { published: "All about foxes." },
      });
      expect(await decisionIn(server, id)).toMatchObject({ decision: "approved", comment: "nice", through: "api" });
    },
    LIMIT_MS,
  );

  test(
    "is rejected over HTTP",
    async () => {
      const id = await submit(server, FLOW, { topic: "hens" });
      await waitForPerson(server, id);
      const answer = await decide(server, id, { decision: "rejected", comment: "too long" });
      expect([answer.status, answer.body]).toEqual([200, { status: "approval_received", job_id: id }]);
      expect(await waitForEnd(server, id)).toMatchObject({
        status: "finished",
        current_state: "rejected_by_moderator",
      });
      expect(await decisionIn(server, id)).toMatchObject({ decision: "rejected", comment: "too long" });
    },
    LIMIT_MS,
  );

  test(
    "is left undecided too long",
    async () => {
      const id = await submit(server, FLOW, { topic: "hens", timeout_seconds: 0.5 });
      expect(await waitForEnd(server, id)).toMatchObject({ current_state: "nobody_decided" });
    },
    LIMIT_MS,
  );

  test(
    "fails when there is nothing to decide about",
    async () => {
      const id = await submit(server, FLOW, {});
      expect(await waitForEnd(server, id)).toMatchObject({ status: "failed", current_state: "failed" });
    },
    LIMIT_MS,
  );

  test(
    "is cancelled while the worker is at it, and while it waits for a person",
    async () => {
      const early = await submit(server, FLOW, { topic: "hens", seconds: 30 });
      await waitUntil(server, early, "it is worked on", ({ tasks }) => tasks?.[0]?.status === "running");
      await cancel(server, early);
      expect(await waitForEnd(server, early)).toMatchObject({ status: "cancelled", current_state: "cancelled" });
      const late = await submit(server, FLOW, { topic: "hens" });
      await waitForPerson(server, late);
      await cancel(server, late);
      expect((await waitForEnd(server, late)).status).toBe("cancelled");
      expect((await decide(server, late, { decision: "approved" })).status).toBe(409);
    },
    LIMIT_MS,
  );

  test(
    "takes no decision that is not offered, none twice, none too early, and none for a job that is not there",
    async () => {
      const busy = await submit(server, FLOW, { topic: "hens", seconds: 30 });
      await waitUntil(server, busy, "it is worked on", ({ tasks }) => tasks?.[0]?.status === "running");
      const early = await decide(server, busy, { decision: "approved" });
      expect([early.status, early.body["error"]]).toEqual([
        409,
        expect.stringContaining("Job is not in a state that can be approved"),
      ]);
      await cancel(server, busy);

      const id = await submit(server, FLOW, { topic: "hens" });
      const before = await waitForPerson(server, id);
      for (const [body, status, error] of [
        [{ decision: "maybe" }, 400, "Invalid decision 'maybe' for this job"],
        [{ decision: "timeout" }, 400, "Invalid decision 'timeout' for this job"],
        [{}, 400, "decision is required in body"],
      ] as const) {
        const answer = await decide(server, id, body);
        expect([answer.status, answer.body["error"]]).toEqual([status, expect.stringContaining(error)]);
      }
      const nobody = await decide(server, id, { decision: "approved" }, { "x-client-token": "guess" });
      expect(nobody.status).toBe(401);
      const unknown = "01993c6e-7c1a-7000-8000-000000000000";
      expect((await decide(server, unknown, { decision: "approved" })).status).toBe(404);
      expect((await read(server, id)).state_history).toEqual(before.state_history);

      const answers = await Promise.all(
        ["approved", "rejected", "approved", "rejected"].map((decision) => decide(server, id, { decision })),
      );
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409]);
      expect((await waitForEnd(server, id)).status).toBe("finished");
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("recipe 2, by Telegram", () => {
  const telegram = new FakeTelegram();
  const server = new Server({
    environment: {
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_CHAT_ID: CHAT,
      TELEGRAM_API_URL: telegram.url,
    },
  });
  let worker: Program | undefined;
  beforeAll(async () => {
    await server.start();
    worker = startWorker(server, [WORKER]);
  }, LIMIT_MS);
  afterAll(async () => {
    await worker?.kill();
    await server.remove();
    await telegram[Symbol.asyncDispose]();
  });

  const messageOf = async (id: string) => {
    await telegram.until(() => telegram.messages.some((message) => message.text.includes(id)), "the chat is asked");
    const message = telegram.messages.find((one) => one.text.includes(id));
    if (!message) throw new Error("the message went away");
    return message;
  };

  test(
    "a button decides, once, and the message says so",
    async () => {
      const id = await submit(server, FLOW, { topic: "foxes" });
      const message = await messageOf(id);
      expect(message.chat_id).toBe(CHAT);
      const [approve, reject] = message.buttons;
      telegram.press("", { message, data: approve?.callback_data ?? "" });
      telegram.press("", { message, data: reject?.callback_data ?? "" });
      const job = await waitForEnd(server, id);
      expect(job).toMatchObject({ status: "finished", result: { approved_by: "Anna Lind (@anna)" } });
      expect(await decisionIn(server, id)).toMatchObject({
        decision: "approved",
        by: "Anna Lind (@anna)",
        through: "telegram",
      });
      await telegram.until(() => message.text.includes("Decided: approved, by Anna Lind"), "the message is changed");
      expect(message.buttons).toEqual([]);
      await telegram.until(() => telegram.notices.length === 2, "both presses are answered");
      expect(telegram.notices.map(({ text }) => text)).toEqual([
        "Noted: approved",
        expect.stringContaining("decided already"),
      ]);
    },
    LIMIT_MS,
  );

  test(
    "a decision by another way, and a cancel, change the message too",
    async () => {
      const decided = await submit(server, FLOW, { topic: "hens" });
      const message = await messageOf(decided);
      await decide(server, decided, { decision: "rejected" });
      await telegram.until(() => message.text.includes("Decided: rejected"), "the message is changed");
      const cancelled = await submit(server, FLOW, { topic: "hens" });
      const other = await messageOf(cancelled);
      await cancel(server, cancelled);
      await telegram.until(() => other.text.includes("No decision is needed any more"), "the message is changed");
      const late = await submit(server, FLOW, { topic: "hens", timeout_seconds: 2 });
      const third = await messageOf(late);
      await telegram.until(() => third.text.includes("Nobody decided in time"), "the message is changed");
    },
    LIMIT_MS,
  );

  test(
    "a kill -9 while it waits loses neither the question nor its answer",
    async () => {
      const id = await submit(server, FLOW, { topic: "owls" });
      const message = await messageOf(id);
      await server.kill();
      telegram.press("", { message, data: message.buttons[0]?.callback_data ?? "" });
      await server.start();
      expect(await waitForEnd(server, id)).toMatchObject({
        status: "finished",
        result: { published: "All about owls." },
      });
      await telegram.until(() => message.text.includes("Decided: approved"), "the message is changed");
      expect(server.log).not.toContain(telegram.token);
    },
    LIMIT_MS,
  );

  test(
    "a question that could not be sent is sent once Telegram is back, also after a kill -9",
    async () => {
      telegram.fault = ({ method }) =>
        method === "sendMessage" ? new Response("bad gateway", { status: 502 }) : undefined;
      const id = await submit(server, FLOW, { topic: "bats" });
      const pending = (job: Waiting) =>
        job.waiting_for?.["message_status"] === "pending" && job.waiting_for["last_error"] !== null;
      await waitUntil(server, id, "it is tried", pending);
      await server.kill();
      telegram.fault = () => undefined;
      await server.start();
      const message = await messageOf(id);
      telegram.press("", { message, data: message.buttons[1]?.callback_data ?? "" });
      expect(await waitForEnd(server, id)).toMatchObject({ current_state: "rejected_by_moderator" });
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("published bug", () => {
  const telegram = new FakeTelegram();
  const server = new Server({
    blueprints,
    environment: { TELEGRAM_BOT_TOKEN: telegram.token, TELEGRAM_CHAT_ID: CHAT, TELEGRAM_API_URL: telegram.url },
  });
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(async () => {
    await server.remove();
    await telegram[Symbol.asyncDispose]();
  });

  test(
    "the approval is lost on restart; the parent goes on when a child's button is pressed; a button works twice",
    async () => {
      const asks = (who: string) => telegram.messages.find(({ text }) => text.startsWith(`The ${who} asks.`));
      const question = async (who: string) => {
        await telegram.until(() => asks(who) !== undefined, `the ${who} asks`);
        const message = asks(who);
        const [yes, no] = message?.buttons.map((button) => button.callback_data) ?? [];
        const press = async (data = "") => {
          // A server that was killed is told of the press before once more: its answer comes in between.
          const { id } = telegram.press("", { data, ...(message && { message }) }).callback_query;
          const answer = () => telegram.notices.find((notice) => notice.press === id);
          await telegram.until(() => answer() !== undefined, "the press is answered");
          return answer()?.text;
        };
        return { sayYes: () => press(yes), sayNo: () => press(no) };
      };
      const parent = await submit(server, "jobs/family");
      const ofChild = await question("child");
      await server.kill();
      await server.start();
      expect((await read(server, parent)).status).toBe("waiting_for_sub_job");

      expect(await ofChild.sayYes()).toBe("Noted: approved");
      const ofParent = await question("parent");
      expect(await ofChild.sayYes()).toContain("decided already");
      expect(await ofChild.sayNo()).toContain("decided already");
      expect(await read(server, parent)).toMatchObject({ status: "waiting_for_human", current_state: "asking" });

      await server.kill();
      await server.start();
      expect(await ofParent.sayNo()).toBe("Noted: rejected");
      expect(await waitForEnd(server, parent)).toMatchObject({ status: "finished", current_state: "no" });
      expect(await ofParent.sayNo()).toContain("decided already");
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("recipe 2, by a Telegram that sends what is decided", () => {
  const telegram = new FakeTelegram();
  const server = new Server({
    environment: {
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_CHAT_ID: CHAT,
      TELEGRAM_API_URL: telegram.url,
      TELEGRAM_UPDATES: "webhook",
      PUBLIC_URL: "https://jobs.example",
    },
  });
  let worker: Program | undefined;
  beforeAll(async () => {
    await server.start();
    worker = startWorker(server, [WORKER]);
  }, LIMIT_MS);
  afterAll(async () => {
    await worker?.kill();
    await server.remove();
    await telegram[Symbol.asyncDispose]();
  });

  test(
    "takes it from Telegram, and from nobody else",
    async () => {
      await telegram.until(() => telegram.webhook !== undefined, "Telegram knows where to send");
      expect(telegram.webhook?.url).toBe("https://jobs.example/_public/webhooks/telegram");
      const id = await submit(server, FLOW, { topic: "foxes" });
      await telegram.until(() => telegram.messages.length > 0, "the chat is asked");
      const body = JSON.stringify(telegram.press("approved"));
      const send = (secret: string) => {
        const headers = { "x-telegram-bot-api-secret-token": secret, "x-client-token": "" };
        return call(server, "/_public/webhooks/telegram", { method: "POST", body, headers });
      };
      expect((await send("guess")).status).toBe(401);
      expect((await read(server, id)).status).toBe("waiting_for_human");
      expect((await send(telegram.webhook?.secret_token ?? "")).status).toBe(200);
      expect(await waitForEnd(server, id)).toMatchObject({ result: { approved_by: "Anna Lind (@anna)" } });
      await telegram.until(() => telegram.messages[0]?.text.includes("Decided: approved") === true, "it is changed");
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("links to decide", () => {
  const program = startReceiver();
  const server = new Server({
    blueprints,
    environment: {
      APPROVAL_WEBHOOK_URL: `${program.url}/ask`,
      WEBHOOK_SECRET: "s3cret",
      PUBLIC_URL: "https://jobs.example/",
    },
  });
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterEach(() => {
    program.answer = () => new Response("ok");
  });
  afterAll(async () => {
    await server.remove();
    await program[Symbol.asyncDispose]();
  });

  interface Asked {
    readonly job_id: string;
    readonly url: string;
    readonly decisions: readonly { readonly decision: string; readonly url: string }[];
  }

  async function told<Event>(event: string, id: string): Promise<Event> {
    const isIt = (one: Record<string, unknown>) => one["event"] === event && one["job_id"] === id;
    const { body } = await program.find((received) => isIt(JSON.parse(received.body)));
    return JSON.parse(body) as Event;
  }

  async function asked(input = {}): Promise<Asked & { readonly path: string }> {
    const found = await told<Asked>("approval_requested", await submit(server, "jobs/asking", input));
    expect(found.url).toStartWith("https://jobs.example/_public/approvals/");
    return { ...found, path: new URL(found.url).pathname };
  }

  const press = (path: string, form: Record<string, string>) =>
    call(server, path, {
      method: "POST",
      body: new URLSearchParams(form).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded", "x-client-token": "" },
    });

  test(
    "show a page that decides nothing; its button decides once, and they survive a kill -9",
    async () => {
      const { job_id: id, path } = await asked();
      await server.kill();
      await server.start();
      const page = await call(server, path, { headers: { "x-client-token": "" } });
      expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
      expect(page.text).toContain("May it go on?");
      expect((await read(server, id)).status).toBe("waiting_for_human");
      const pressed = await press(path, { decision: "go on", by: "Ada", comment: "surely" });
      expect([pressed.status, pressed.text]).toEqual([200, expect.stringContaining("go on")]);
      expect((await waitForEnd(server, id)).current_state).toBe("went_on");
      expect(await decisionIn(server, id)).toEqual({
        decision: "go on",
        by: "Ada",
        comment: "surely",
        through: "link",
      });
      expect((await press(path, { decision: "stop" })).status).toBe(409);
      expect((await call(server, path)).status).toBe(409);
    },
    LIMIT_MS,
  );

  test(
    "of one state are no good for the next one",
    async () => {
      const { job_id: id, path } = await asked();
      expect((await press(path, { decision: "ask again" })).status).toBe(200);
      await waitUntil(server, id, "it asks again", (job) => job.current_state === "again");
      await waitForPerson(server, id);
      expect((await press(path, { decision: "go on" })).status).toBe(409);
      expect((await read(server, id)).status).toBe("waiting_for_human");
      await cancel(server, id);
    },
    LIMIT_MS,
  );

  test(
    "that were altered, or are for another decision or job, change nothing",
    async () => {
      const { job_id: id, path, decisions } = await asked();
      const other = await asked();
      const stop = new URL(decisions.find((one) => one.decision === "stop")?.url ?? "").pathname;
      expect((await press(`${path}x`, { decision: "go on" })).status).toBe(403);
      expect((await press(path.replace(id, other.job_id), { decision: "go on" })).status).toBe(403);
      expect((await press(stop, { decision: "go on" })).status).toBe(403);
      const token = path.split("/").at(-1);
      const foreign = await call(server, `/_public/webhooks/approval/${other.job_id}?token=${token}`, {
        method: "POST",
        body: '{"decision":"go on"}',
      });
      expect(foreign.status).toBe(403);
      expect((await press(path, { decision: "never offered" })).status).toBe(400);
      for (const one of [id, other.job_id]) expect((await read(server, one)).status).toBe("waiting_for_human");
      expect((await press(stop, {})).status).toBe(200);
      expect((await waitForEnd(server, id)).current_state).toBe("stopped");
      await cancel(server, other.job_id);
    },
    LIMIT_MS,
  );

  test(
    "expire with the wait, and the program is told what came of it",
    async () => {
      const { job_id: id, path } = await asked({ timeout_seconds: 1 });
      expect((await waitForEnd(server, id)).current_state).toBe("stopped");
      expect(await told<object>("approval_closed", id)).toMatchObject({ outcome: "timeout" });
      const expired = async () => (await press(path, { decision: "go on" })).status === 410;
      await eventually("the link has expired", 5_000, expired);
    },
    LIMIT_MS,
  );
});
