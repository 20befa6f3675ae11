import { describe, expect, test } from "bun:test";
import type { ApprovalAsked, ApprovalClosed, ApprovalEnd } from "../../src/job/approval.ts";
import { createNotify, type NotifySettings } from "../../src/notify/index.ts";
import type { Answer, Delivery } from "../../src/notify/port.ts";
import type { OutboxReader, OutboxRow } from "../../src/storage/port.ts";
import { Refusal } from "../../src/system/errors.ts";
import { createRealSystem } from "../../src/system/real.ts";
import type { LogLine } from "../../src/system/log.ts";
import { startReceiver } from "../support/receiver.ts";
import { FakeTelegram } from "../support/telegram.ts";
import { idOf } from "../storage/sample.ts";

const JOB = idOf(1);
const NOTHING: NotifySettings = {
  webhookSecret: undefined,
  webhookAllow: [],
  publicUrl: undefined,
  approvalLinkHours: 168,
  telegramBotToken: undefined,
  telegramChatId: undefined,
  telegramApiUrl: "https://api.telegram.org",
  telegramUpdates: "poll",
  slackWebhookUrl: undefined,
  approvalWebhookUrl: undefined,
};

/** What is sent, over a table of rows and a job that waits at its third visit. */
function stage(settings: Partial<NotifySettings>) {
  const lines: LogLine[] = [];
  const system = createRealSystem({ write: (line) => void lines.push(line) });
  const rows: OutboxRow[] = [];
  const references = new Map<string, string>();
  const answers: (Answer & { readonly jobId: string })[] = [];
  const waiting = {
    visit: 3,
    decisions: ["approved", "rejected", "ask again <later>"],
    refusal: undefined as Refusal | undefined,
  };
  const outbox = {
    ofJob: async () => rows,
    reference: async (jobId: string, name: string) => references.get(`${jobId} ${name}`),
  } as Partial<OutboxReader> as OutboxReader;
  const notify = createNotify({
    system,
    settings: { ...NOTHING, ...settings },
    version: "1.2.3",
    secret: new Uint8Array(32).fill(5),
    outbox,
    questions: {
      open: async () => ({ visit: waiting.visit, decisions: waiting.decisions }),
      async decide(jobId, answer) {
        if (waiting.refusal) throw waiting.refusal;
        answers.push({ jobId, ...answer });
        waiting.visit += 1;
      },
    },
    ownUrl: () => "http://127.0.0.1:8080",
  });
  const send = async (row: OutboxRow): Promise<Delivery> => {
    const delivery = await notify.sender.send(row, new AbortController().signal);
    if (delivery.type === "delivered") {
      for (const change of delivery.changes ?? []) {
        if (change.type !== "refer") continue;
        if (change.value === undefined) references.delete(`${change.jobId} ${change.name}`);
        else references.set(`${change.jobId} ${change.name}`, change.value);
      }
    }
    return delivery;
  };
  return { notify, send, rows, references, answers, waiting, lines };
}

function asked(integration: string, changes: Partial<ApprovalAsked> = {}, row: Partial<OutboxRow> = {}): OutboxRow {
  const body: ApprovalAsked = {
    blueprint: "moderation_flow",
    state: "awaiting_approval",
    visit: 3,
    integration,
    message: "Publish <b>this</b> & that?",
    decisions: ["approved", "rejected", "ask again <later>"],
    ...changes,
  };
  return rowOf("approval", body, row);
}

function closed(integration: string, end: ApprovalEnd, visit = 3): OutboxRow {
  const about = { blueprint: "moderation_flow", state: "awaiting_approval", message: "Publish <b>this</b> & that?" };
  const body: ApprovalClosed = { ...about, visit, integration, end };
  return rowOf("approval_closed", body, { id: idOf(99) });
}

function rowOf(kind: OutboxRow["kind"], body: object, changes: Partial<OutboxRow> = {}): OutboxRow {
  return {
    id: idOf(50),
    jobId: JOB,
    kind,
    destination: "x",
    body: JSON.stringify(body),
    sinceMs: 0,
    attempts: 0,
    dueAtMs: 0,
    failedAtMs: undefined,
    error: undefined,
    ...changes,
  };
}

const BY_ANNA: ApprovalEnd = { type: "decided", decision: "approved", by: "Anna", through: "link", comment: "fine" };

describe("Telegram", () => {
  const withTelegram = (telegram: FakeTelegram, more: Partial<NotifySettings> = {}) =>
    stage({ telegramBotToken: telegram.token, telegramChatId: "42", telegramApiUrl: telegram.url, ...more });

  test("gets the question with a button for each decision", async () => {
    await using telegram = new FakeTelegram();
    const { send } = withTelegram(telegram);
    expect((await send(asked("telegram"))).type).toBe("delivered");
    const [message] = telegram.messages;
    expect(message?.chat_id).toBe("42");
    expect(message?.text).toContain("Publish <b>this</b> & that?");
    expect(message?.text).toContain(JOB);
    expect(message?.buttons.map((button) => button.text)).toEqual(["approved", "rejected", "ask again <later>"]);
  });

  test("brings back who pressed which button, when it is asked", async () => {
    await using telegram = new FakeTelegram();
    const { send, notify, answers } = withTelegram(telegram);
    await send(asked("telegram"));
    await notify.updates.start();
    telegram.press("ask again <later>");
    await telegram.until(() => telegram.acknowledged === 1, "the press was taken");
    await notify.updates.stop();
    expect(answers).toEqual([
      { jobId: JOB, decision: "ask again <later>", by: "Anna Lind (@anna)", through: "telegram", visit: 3 },
    ]);
    expect(telegram.notices).toMatchObject([{ text: "Noted: ask again <later>", alert: false }]);
  });

  test("is told at a second press that it was decided, and the button goes", async () => {
    await using telegram = new FakeTelegram();
    const { send, notify, answers } = withTelegram(telegram);
    await send(asked("telegram"));
    const [message] = telegram.messages;
    const [, second] = message?.buttons ?? [];
    await notify.updates.start();
    telegram.press("approved");
    telegram.press("", { ...(second && { data: second.callback_data }) });
    await telegram.until(() => telegram.acknowledged === 2, "both presses were taken");
    await notify.updates.stop();
    expect(answers.map((answer) => answer.decision)).toEqual(["approved"]);
    expect(telegram.notices[1]).toMatchObject({ alert: true, text: expect.stringContaining("decided already") });
    expect(message?.buttons).toEqual([]);
  });

  test("decides nothing from another chat, or by a button that was made up", async () => {
    await using telegram = new FakeTelegram();
    const { send, notify, answers, lines } = withTelegram(telegram);
    await send(asked("telegram"));
    await notify.updates.start();
    telegram.press("approved", { chat: "43" });
    telegram.press("", { data: "made-up" });
    await telegram.until(() => telegram.acknowledged === 2, "both presses were taken");
    await notify.updates.stop();
    expect(answers).toEqual([]);
    expect(telegram.notices.map((notice) => notice.text)).toEqual([
      "This chat may not decide.",
      "This button is not one of this server's.",
    ]);
    expect(lines.some((line) => line.message.includes("may not decide"))).toBe(true);
  });

  test("is told when a decision could not be taken, and may press again", async () => {
    await using telegram = new FakeTelegram();
    const { send, notify, answers, waiting } = withTelegram(telegram);
    await send(asked("telegram"));
    waiting.refusal = new Refusal("STORE_FULL", 503, "No space is left.");
    await notify.updates.start();
    telegram.press("approved");
    await telegram.until(() => telegram.notices.length === 1, "the press was answered");
    expect(telegram.notices[0]).toMatchObject({ text: "No space is left.", alert: true });
    waiting.refusal = undefined;
    telegram.press("approved");
    await telegram.until(() => telegram.acknowledged === 2, "both presses were taken");
    await notify.updates.stop();
    expect(answers.length).toBe(1);
  });

  test("changes also a message that was sent twice, when its button is pressed", async () => {
    await using telegram = new FakeTelegram();
    const { send, notify } = withTelegram(telegram);
    await send(asked("telegram"));
    await send(asked("telegram"));
    const [first, second] = telegram.messages;
    await notify.updates.start();
    telegram.press("", { ...(first && { message: first, data: first.buttons[0]?.callback_data ?? "" }) });
    await telegram.until(() => telegram.acknowledged === 1, "the press was taken");
    await notify.updates.stop();
    expect(first?.text).toEndWith("Decided: approved, by Anna Lind (@anna) (telegram)");
    expect(first?.buttons).toEqual([]);
    await send(closed("telegram", BY_ANNA));
    expect(second?.text).toContain("Decided: approved");
  });

  for (const [end, said] of [
    [BY_ANNA, "Decided: approved, by Anna (link): fine"],
    [{ type: "timeout" }, "Nobody decided in time."],
    [{ type: "withdrawn" }, "No decision is needed any more."],
  ] as const) {
    test(`changes its message when it is over: ${end.type}`, async () => {
      await using telegram = new FakeTelegram();
      const { send, references } = withTelegram(telegram);
      await send(asked("telegram"));
      expect(references.size).toBe(1);
      await send(closed("telegram", end));
      expect(telegram.messages[0]?.text).toContain(said);
      expect(telegram.messages[0]?.text).toContain("Publish <b>this</b> & that?");
      expect(telegram.messages[0]?.buttons).toEqual([]);
      expect(references.size).toBe(0);
    });
  }

  test("a message that somebody took away needs no change", async () => {
    await using telegram = new FakeTelegram();
    const { send, references } = withTelegram(telegram);
    await send(asked("telegram"));
    telegram.messages.pop();
    expect((await send(closed("telegram", BY_ANNA))).type).toBe("delivered");
    expect(references.size).toBe(0);
  });

  test("that is busy says when to come back, and its token is told to nobody", async () => {
    await using telegram = new FakeTelegram();
    const { send, lines } = withTelegram(telegram);
    telegram.fault = () =>
      Response.json(
        { ok: false, error_code: 429, description: "Too Many Requests", parameters: { retry_after: 9 } },
        { status: 429 },
      );
    expect(await send(asked("telegram"))).toEqual({
      type: "failed",
      error: "Telegram answered 429: Too Many Requests",
      isDown: true,
      retryAfterMs: 9_000,
    });
    await telegram[Symbol.asyncDispose]();
    const away = await send(asked("telegram"));
    expect(away).toMatchObject({ type: "failed", error: "Telegram refused the connection" });
    expect(JSON.stringify([away, lines])).not.toContain(telegram.token);
  });

  test("is asked again after it was away", async () => {
    await using telegram = new FakeTelegram();
    const { send, notify, answers, lines } = withTelegram(telegram);
    await send(asked("telegram"));
    let faults = 0;
    telegram.fault = ({ method }) =>
      method === "getUpdates" && faults++ < 1 ? new Response("bad gateway", { status: 502 }) : undefined;
    telegram.press("approved");
    await notify.updates.start();
    await telegram.until(() => telegram.acknowledged === 1, "the press was taken");
    await notify.updates.stop();
    expect(answers.length).toBe(1);
    expect(lines.filter((line) => line.message.includes("cannot be asked")).length).toBe(1);
  });

  test("a stop while it is asked does not wait for its answer", async () => {
    await using telegram = new FakeTelegram();
    const { notify } = withTelegram(telegram);
    telegram.fault = () => undefined;
    await notify.updates.start();
    await telegram.until(() => telegram.calls.some(({ method }) => method === "getUpdates"), "it is asked");
    await notify.updates.stop();
    await notify.updates.stop();
  });

  test("sends presses here when it is set up to, and nobody else can", async () => {
    await using telegram = new FakeTelegram();
    const settings = { telegramUpdates: "webhook", publicUrl: "https://jobs.example" } as const;
    const { send, notify, answers } = withTelegram(telegram, settings);
    await send(asked("telegram"));
    await notify.updates.start();
    await telegram.until(() => telegram.webhook !== undefined, "it knows where to send");
    expect(telegram.webhook?.url).toBe("https://jobs.example/_public/webhooks/telegram");
    const update = telegram.press("approved");
    const receive = notify.approvals.telegram;
    expect(await receive?.("wrong", update)).toBe(false);
    expect(await receive?.(null, update)).toBe(false);
    expect(answers).toEqual([]);
    expect(await receive?.(telegram.webhook?.secret_token ?? "", update)).toBe(true);
    await notify.updates.stop();
    expect(answers.length).toBe(1);
    expect(telegram.calls.some(({ method }) => method === "getUpdates")).toBe(false);
  });
});

describe("Slack", () => {
  test("gets the question with a link for each decision, and nothing of it is taken for markup", async () => {
    await using slack = startReceiver();
    const { send, notify } = stage({
      slackWebhookUrl: `${slack.url}/services/T/B/X`,
      publicUrl: "https://jobs.example",
    });
    expect((await send(asked("slack"))).type).toBe("delivered");
    const { blocks, text } = JSON.parse(slack.received[0]?.body ?? "") as {
      text: string;
      blocks: { text: { text: string } }[];
    };
    expect(text).toContain("Publish &lt;b&gt;this&lt;/b&gt; &amp; that?");
    const links = [...(blocks[1]?.text.text ?? "").matchAll(/<(\S+?)\|([^>]*)>/g)];
    expect(links.map(([, , label]) => label)).toEqual([
      "approved",
      "rejected",
      "ask again &lt;later&gt;",
      "look and decide",
    ]);
    const tickets = links.map(([, url = ""]) => notify.approvals.links.read(url.split("/").at(-1) ?? ""));
    expect(tickets.map((ticket) => ticket.decision)).toEqual(["approved", "rejected", "ask again <later>", undefined]);
    expect(tickets.every((ticket) => ticket.jobId === JOB && ticket.visit === 3)).toBe(true);
  });

  test("is told what came of it", async () => {
    await using slack = startReceiver();
    const { send } = stage({ slackWebhookUrl: slack.url });
    await send(closed("slack", BY_ANNA));
    expect(slack.received[0]?.body).toContain("Decided: approved, by Anna (link): fine");
  });

  test("with too many decisions for one message gets those that fit, and the page for all", async () => {
    await using slack = startReceiver();
    const { send } = stage({ slackWebhookUrl: slack.url });
    const decisions = Array.from({ length: 200 }, (_, index) => `decision-${index}`);
    await send(asked("slack", { decisions, message: "x".repeat(4_000) }));
    const { blocks } = JSON.parse(slack.received[0]?.body ?? "") as { blocks: { text: { text: string } }[] };
    for (const block of blocks) expect(block.text.text.length).toBeLessThanOrEqual(3_000);
    expect(blocks[1]?.text.text).toEndWith("|look and decide>");
  });

  test("that is away is tried again, and its address is told to nobody", async () => {
    await using slack = startReceiver();
    slack.answer = () => new Response("no_service", { status: 404 });
    const { send } = stage({ slackWebhookUrl: `${slack.url}/services/SECRET` });
    const delivery = await send(asked("slack"));
    expect(delivery).toMatchObject({ type: "failed", error: expect.stringContaining("404: no_service") });
    expect(JSON.stringify(delivery)).not.toContain("SECRET");
  });
});

describe("an operator's own program", () => {
  test("gets the question, signed, with a link for each decision, and then what came of it", async () => {
    await using program = startReceiver();
    const { send, notify } = stage({ approvalWebhookUrl: `${program.url}/ask`, webhookSecret: "s" });
    const untilMs = Date.UTC(2100, 0, 1);
    await send(asked("webhook", { untilMs }));
    await send(closed("webhook", BY_ANNA));
    const [question, end] = program.received.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect(question).toMatchObject({
      event_id: idOf(50),
      event: "approval_requested",
      job_id: JOB,
      blueprint_name: "moderation_flow",
      state: "awaiting_approval",
      message: "Publish <b>this</b> & that?",
    });
    const decisions = question?.["decisions"] as { decision: string; url: string }[];
    expect(decisions.map(({ url }) => notify.approvals.links.read(url.split("/").at(-1) ?? "").decision)).toEqual([
      "approved",
      "rejected",
      "ask again <later>",
    ]);
    expect(end).toMatchObject({ event: "approval_closed", outcome: "decided", decision: "approved", by: "Anna" });
    expect(program.received[0]?.headers.get("x-avtomatika-signature")).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
  });
});

describe("an integration that is not set up", () => {
  for (const [name, setting] of [
    ["telegram", "TELEGRAM_BOT_TOKEN"],
    ["slack", "SLACK_WEBHOOK_URL"],
    ["webhook", "APPROVAL_WEBHOOK_URL"],
  ] as const) {
    test(`asks nobody, and says what to set and how to decide: ${name}`, async () => {
      const delivery = await stage({}).send(asked(name));
      expect(delivery).toMatchObject({ type: "failed", isFinal: true });
      const { error } = delivery as Extract<Delivery, { type: "failed" }>;
      expect(error).toContain(setting);
      expect(error).toContain("waits all the same, for `orchestrator jobs decide`");
    });
  }

  test("the dashboard is asked by nobody", async () => {
    expect(await stage({}).send(asked("dashboard"))).toEqual({ type: "delivered" });
  });

  test("settings that do not go together are refused by name", () => {
    expect(() => stage({ telegramBotToken: "t" })).toThrow(/TELEGRAM_CHAT_ID is not/);
    expect(() => stage({ telegramChatId: "t" })).toThrow(/TELEGRAM_BOT_TOKEN is not/);
    const webhook = { telegramBotToken: "t", telegramChatId: "c", telegramUpdates: "webhook" } as const;
    expect(() => stage(webhook)).toThrow(/PUBLIC_URL/);
    expect(() => stage({ webhookAllow: ["1.2.3"] })).toThrow(/WEBHOOK_ALLOW/);
  });
});

describe("a question that is over before anybody was asked", () => {
  test("is asked no more, and nobody is told of its end", async () => {
    await using telegram = new FakeTelegram();
    const { send, rows } = stage({
      telegramBotToken: telegram.token,
      telegramChatId: "42",
      telegramApiUrl: telegram.url,
    });
    rows.push(asked("telegram"), closed("telegram", BY_ANNA));
    expect(await send(asked("telegram"))).toEqual({ type: "delivered", changes: [{ type: "remove", id: idOf(99) }] });
    expect(telegram.calls).toEqual([]);
  });

  test("that may have arrived is closed all the same", async () => {
    const { send, rows } = stage({});
    rows.push(closed("slack", BY_ANNA));
    expect(await send(asked("slack", {}, { attempts: 1 }))).toEqual({ type: "delivered", changes: [] });
  });

  test("and that was given up leaves with its end", async () => {
    const { send, rows } = stage({});
    rows.push(
      asked("slack", {}, { dueAtMs: undefined, failedAtMs: 5 }),
      asked("slack", { visit: 9 }, { id: idOf(51) }),
    );
    expect(await send(closed("slack", BY_ANNA))).toEqual({
      type: "delivered",
      changes: [{ type: "remove", id: idOf(50) }],
    });
  });
});
