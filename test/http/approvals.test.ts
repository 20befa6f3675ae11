import { describe, expect, test } from "bun:test";
import { createRateLimit } from "../../src/access/rate-limit.ts";
import type { Job } from "../../src/job/model.ts";
import { approvalView } from "../../src/http/messages.ts";
import { Refusal } from "../../src/system/errors.ts";
import { idOf } from "../storage/sample.ts";
import { approvalLinks, asClient, asOperator, createDoors, quiet, request } from "./doors.ts";
import { createFake, job } from "./fake-orchestrator.ts";

const NASTY = `<script>alert("x")</script> & 'more'`;
const links = approvalLinks(quiet.clock);

function waiting(changes: Partial<Job> = {}): Job {
  const transitions = { approved: "yes", "no & <never>": "no", timeout: "late" };
  const pause = { kind: "approval", integration: "slack", message: NASTY, transitions, sinceMs: 0 } as const;
  return job({ id: idOf(1), status: "waiting_for_human", visit: 3, pause, ...changes });
}

function stage(waits: Job = waiting()) {
  const fake = createFake();
  fake.jobs.set(waits.id, waits);
  const { app, lines } = createDoors(fake);
  const send = async (method: string, path: string, headers: Record<string, string> = {}, body?: unknown) => {
    const answer = await app.handle(request(method, path, headers, body));
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  return { fake, send, lines };
}

const pathOf = (decision?: string, visit = 3, untilMs?: number) =>
  new URL(links.url({ jobId: idOf(1), visit, decision }, untilMs)).pathname;
const tokenOf = (path: string) => path.split("/").at(-1) ?? "";
const FORM = { "content-type": "application/x-www-form-urlencoded" };
const HOOK = `/_public/webhooks/approval/${idOf(1)}`;

describe("the page behind a link to decide", () => {
  test("shows the question with its buttons, takes nothing in it for HTML, and decides nothing", async () => {
    const { fake, send } = stage();
    const { status, text, headers } = await send("GET", pathOf());
    expect(status).toBe(200);
    expect(text).toContain("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;more&#39;");
    expect(text).toContain('value="no &amp; &lt;never&gt;"');
    expect(text).not.toContain("<script");
    expect(text).not.toContain('value="timeout"');
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(fake.told.asked).toEqual([]);
  });

  test("is not in the log when it cannot be shown: whoever has its address may decide", async () => {
    const { fake, send, lines } = stage();
    fake.orchestrator.jobs.read = async () => {
      throw new Error("a defect");
    };
    expect((await send("GET", pathOf())).status).toBe(500);
    const logged = JSON.stringify(lines);
    expect(logged).toContain("a defect");
    expect(logged).not.toContain(tokenOf(pathOf()));
  });

  test("of one decision has that button alone", async () => {
    const { text } = await stage().send("GET", pathOf("approved"));
    expect(text).toContain('value="approved"');
    expect(text).not.toContain("never");
  });

  test("decides when a button is pressed, with name and comment", async () => {
    const { fake, send } = stage();
    const body = new URLSearchParams({ decision: "approved", by: " Anna ", comment: "fine" }).toString();
    const { status, text } = await send("POST", pathOf(), FORM, body);
    expect(status).toBe(200);
    expect(text).toContain("Your decision was noted: approved");
    expect(fake.told.asked).toMatchObject([
      { id: idOf(1), decision: "approved", by: "Anna", comment: "fine", through: "link", visit: 3 },
    ]);
  });

  test("says so when it was decided already, and whoever presses late is told the same", async () => {
    const { fake, send } = stage(waiting({ visit: 4 }));
    const shown = await send("GET", pathOf());
    expect(shown.status).toBe(409);
    expect(shown.text).toContain("decided already");
    fake.orchestrator.jobs.decide = async () => {
      throw new Refusal("ALREADY_DECIDED", 409, "This was decided already.");
    };
    const pressed = await send("POST", pathOf(), FORM, "decision=approved");
    expect([pressed.status, pressed.headers.get("content-type")]).toEqual([409, "text/html; charset=utf-8"]);
  });

  test("answers programs as the API does", async () => {
    const { fake, send } = stage();
    const { status, text } = await send("POST", pathOf("approved"), {}, { comment: "by a bot" });
    expect([status, JSON.parse(text)]).toEqual([200, { status: "approval_received", job_id: idOf(1) }]);
    expect(fake.told.asked).toMatchObject([{ decision: "approved", by: "whoever holds the link" }]);
  });

  for (const [what, path, status, code] of [
    ["that was altered", `${pathOf()}x`, 403, "LINK_INVALID"],
    ["that was made up", "/_public/approvals/abc", 403, "LINK_INVALID"],
    ["that has expired", pathOf(undefined, 3, 1), 410, "LINK_EXPIRED"],
  ] as const) {
    test(`by a link ${what} is refused with the reason, shown or sent`, async () => {
      const { fake, send } = stage();
      const shown = await send("GET", path);
      expect([shown.status, shown.headers.get("content-type")]).toEqual([status, "text/html; charset=utf-8"]);
      const sent = await send("POST", path, {}, { decision: "approved" });
      expect([sent.status, JSON.parse(sent.text).code]).toEqual([status, code]);
      expect(fake.told.asked).toEqual([]);
    });
  }

  test("by a link for one decision takes no other", async () => {
    const { fake, send } = stage();
    const sent = await send("POST", pathOf("approved"), FORM, "decision=no");
    expect(sent.status).toBe(403);
    expect(fake.told.asked).toEqual([]);
  });
});

describe("whoever tries links", () => {
  test("may not come too often, and holds up nobody whose link is good", async () => {
    const fake = createFake();
    fake.jobs.set(idOf(1), waiting());
    const strangers = createRateLimit({ clock: quiet.clock, limit: 2, periodSeconds: 60 });
    const { app } = createDoors(fake, {}, { limits: { strangers } });
    const get = (path: string) => app.handle(request("GET", path));
    expect((await get("/_public/approvals/guess-1")).status).toBe(403);
    expect((await get("/_public/approvals/guess-2")).status).toBe(403);
    const third = await get("/_public/approvals/guess-3");
    expect([third.status, Number(third.headers.get("retry-after"))]).toEqual([429, expect.any(Number)]);
    expect((await app.handle(request("POST", `${HOOK}?token=guess`, {}, { decision: "approved" }))).status).toBe(429);
    expect((await get(pathOf())).status).toBe(200);
  });
});

describe("the address for decisions", () => {
  test("takes a client's token for its own jobs, in the words of published clients", async () => {
    const { fake, send } = stage(waiting({ client: { id: "default", config: {} } }));
    const headers = { ...asClient, "idempotency-key": "k1" };
    const { status, text } = await send("POST", HOOK, headers, { decision: "approved", security: {}, metadata: {} });
    expect([status, JSON.parse(text)]).toEqual([200, { status: "approval_received", job_id: idOf(1) }]);
    expect(fake.told.asked).toMatchObject([{ decision: "approved", by: "default", through: "api", key: "k1" }]);
  });

  test("does not know the jobs of another client, and operators know all", async () => {
    const { fake, send } = stage(waiting({ client: { id: "other", config: {} } }));
    expect((await send("POST", HOOK, asClient, { decision: "approved" })).status).toBe(404);
    expect((await send("POST", HOOK, asOperator, { decision: "approved" })).status).toBe(200);
    expect(fake.told.asked).toMatchObject([{ by: "operator" }]);
  });

  test("wants a token", async () => {
    const { fake, send } = stage();
    expect((await send("POST", HOOK, {}, { decision: "approved" })).status).toBe(401);
    expect(fake.told.asked).toEqual([]);
  });

  test("takes the token of a link that was sent, for its job alone", async () => {
    const { fake, send } = stage();
    const token = tokenOf(pathOf());
    const { status } = await send("POST", `${HOOK}?token=${token}`, {}, { decision: "approved", comment: "ok" });
    expect(status).toBe(200);
    expect(fake.told.asked).toMatchObject([{ decision: "approved", comment: "ok", through: "link", visit: 3 }]);
    const other = `/_public/webhooks/approval/${idOf(2)}?token=${token}`;
    expect((await send("POST", other, {}, { decision: "approved" })).status).toBe(403);
    expect((await send("POST", `${HOOK}?token=${token}x`, {}, { decision: "approved" })).status).toBe(403);
    expect((await send("POST", `${HOOK}?token=`, asOperator, { decision: "approved" })).status).toBe(403);
    expect(fake.told.asked.length).toBe(1);
  });

  for (const [what, body, error] of [
    ["no decision", {}, "decision is required in body"],
    ["an empty one", { decision: " " }, "decision is required in body"],
    ["nothing", "", "decision is required in body"],
    ["no JSON", "{decision", "Invalid JSON body"],
    ["a decision that is no text", { decision: 5 }, "decision must be a text"],
    ["a comment that is no text", { decision: "approved", comment: {} }, "comment must be a text"],
    ["an endless comment", { decision: "approved", comment: "x".repeat(5_000) }, "comment must be a text"],
  ] as const) {
    test(`refuses ${what}`, async () => {
      const { fake, send } = stage();
      const { status, text } = await send("POST", HOOK, asOperator, body);
      expect([status, JSON.parse(text).error]).toEqual([400, expect.stringContaining(error)]);
      expect(fake.told.asked).toEqual([]);
    });
  }
});

describe("what Telegram sends", () => {
  test("is not awaited where it is not set up", async () => {
    const { status } = await stage().send("POST", "/_public/webhooks/telegram", {}, { update_id: 1 });
    expect(status).toBe(404);
  });
});

describe("a job that waits for a person, as it is read", () => {
  const row = {
    id: idOf(9),
    jobId: idOf(1),
    kind: "approval" as const,
    destination: "slack",
    body: '{"visit":3}',
    sinceMs: 0,
    attempts: 1,
    dueAtMs: undefined,
    failedAtMs: 5,
    error: "slack is not set up",
  };

  test("says whether somebody was asked, and how to decide", () => {
    const decided = expect.stringContaining(`orchestrator jobs decide ${idOf(1)} DECISION`);
    expect(approvalView(waiting(), [])).toEqual({ message_status: "sent", decide_with: decided });
    expect(approvalView(waiting(), [row])).toEqual({
      message_status: "failed",
      last_error: "slack is not set up",
      decide_with: decided,
    });
    expect(approvalView(waiting(), [{ ...row, dueAtMs: 5 }])).toMatchObject({ message_status: "pending" });
    expect(approvalView(waiting({ visit: 4 }), [row])).toMatchObject({ message_status: "sent" });
  });

  test("a job that does not says nothing of it", () => {
    expect(approvalView(job(), [])).toEqual({});
  });
});
