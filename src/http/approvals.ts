/** Where people decide without a token of ours: by the links that were sent to them, and by what they use to talk. */
import { Elysia } from "elysia";
import { invalidToken } from "../access/access.ts";
import type { Decision, Orchestrator } from "../../actors/orchestrator.ts";
import type { Job } from "../job/model.ts";
import { decisionsOf } from "../job/pause.ts";
import type { Approvals } from "../notify/index.ts";
import type { ApprovalTicket } from "../notify/approval-links.ts";
import { parseObject } from "../protocol/json.ts";
import { type JsonMap, Refusal } from "../system/errors.ts";
import { noticePage, questionPage } from "./approval-page.ts";
import { readText } from "./body.ts";
import { idempotencyKeyOf } from "./creation.ts";
import { decisionBy, decisionOf, nameOfDecider } from "./decision.ts";
import { decisionBody, describe } from "./descriptions.ts";
import type { Door } from "./door.ts";
import { refuseHead } from "./missing.ts";
import { parametersOf } from "./query.ts";
import { json } from "./reply.ts";

export interface ApprovalRoutesOptions {
  readonly orchestrator: Pick<Orchestrator, "jobs">;
  readonly approvals: Approvals;
  readonly door: Door;
}

const BODY_BYTES_MAX = 64 * 1024;

export function approvalRoutes(options: ApprovalRoutesOptions) {
  const told = describe("public");
  const raw = { parse: "none" } as const;
  return new Elysia({ prefix: "/_public" })
    .get(
      "/approvals/:token",
      ({ request, params }) => {
        refuseHead(request);
        return inPages(() => showQuestion(request, params.token, options));
      },
      told("The page behind a link that was sent to decide: shows the question, decides nothing"),
    )
    .post("/approvals/:token", ({ request, params }) => decideByLink(request, params.token, options), {
      ...raw,
      ...told("Decide by a link that was sent", decisionBody),
    })
    .post("/webhooks/approval/:id", ({ request, params }) => decideFor(request, params.id, options), {
      ...raw,
      ...told("Decide for a job: with a client's token, or with ?token= of a link that was sent", decisionBody),
    })
    .post("/webhooks/telegram", ({ request }) => takeTelegram(request, options), {
      ...raw,
      ...told("What Telegram sends, where it is set up to"),
    });
}

async function showQuestion(request: Request, token: string, options: ApprovalRoutesOptions): Promise<Response> {
  const ticket = ticketOf(request, token, options);
  const { job } = await options.orchestrator.jobs.read(undefined, ticket.jobId);
  const { pause } = job;
  if (pause?.kind !== "approval" || job.visit !== ticket.visit) throw tooLate(job);
  const offered = decisionsOf(pause.transitions);
  return questionPage({
    blueprint: job.blueprint,
    state: job.state,
    jobId: job.id,
    message: pause.message,
    decisions: ticket.decision === undefined ? offered : offered.filter((one) => one === ticket.decision),
  });
}

async function decideByLink(request: Request, token: string, options: ApprovalRoutesOptions): Promise<Response> {
  const type = request.headers.get("content-type") ?? "";
  const decideNow = async (): Promise<ApprovalTicket & { readonly decided: string }> => {
    const ticket = ticketOf(request, token, options);
    const text = await readText(request, BODY_BYTES_MAX);
    const body = isForm(type) ? Object.fromEntries(new URLSearchParams(text)) : bodyOf(text);
    const decision = decisionByLink(body, ticket);
    await options.orchestrator.jobs.decide(undefined, ticket.jobId, decision);
    return { ...ticket, decided: decision.decision };
  };
  if (!isForm(type)) return received((await decideNow()).jobId);
  return inPages(async () => {
    const { decided } = await decideNow();
    return noticePage(200, "Thank you", `Your decision was noted: ${decided}. You can close this page.`);
  });
}

/** Programs get JSON; the buttons of the page send a form, and a person wants to read what came of it. */
function isForm(type: string): boolean {
  return type.startsWith("application/x-www-form-urlencoded");
}

async function decideFor(request: Request, id: string, options: ApprovalRoutesOptions): Promise<Response> {
  const { door, orchestrator } = options;
  const token = parametersOf(request).get("token");
  if (token !== null) {
    const ticket = ticketOf(request, token, options);
    if (ticket.jobId !== id) {
      throw new Refusal("LINK_INVALID", 403, "This token was sent for another job: use it with that job's id.");
    }
    const body = bodyOf(await readText(request, BODY_BYTES_MAX));
    await orchestrator.jobs.decide(undefined, id, decisionByLink(body, ticket));
    return received(id);
  }
  const caller = door.client(request);
  const body = bodyOf(await readText(request, BODY_BYTES_MAX));
  // Taken away while the body was coming.
  if (caller.isAdmitted?.() === false) throw invalidToken();
  await orchestrator.jobs.decide(caller.viewer, id, decisionBy(caller, body), idempotencyKeyOf(request));
  return received(id);
}

/** Whoever tries links comes no more often than whoever tries tokens. */
function ticketOf(request: Request, token: string, { approvals, door }: ApprovalRoutesOptions): ApprovalTicket {
  try {
    return approvals.links.read(token);
  } catch (error) {
    if (error instanceof Refusal) return door.refuse(request, error);
    throw error;
  }
}

function received(jobId: string): Response {
  return json(JSON.stringify({ status: "approval_received", job_id: jobId }));
}

function decisionByLink(body: JsonMap, { visit, decision: only }: ApprovalTicket): Decision {
  const wanted = decisionOf(only === undefined ? body : { decision: only, ...body });
  if (only !== undefined && wanted.decision !== only) {
    const message = `This link is for the decision "${only}" alone: open the link of the other one.`;
    throw new Refusal("LINK_FOR_ANOTHER_DECISION", 403, message);
  }
  const by = nameOfDecider(body) ?? "whoever holds the link";
  return { ...wanted, by, through: "link", visit };
}

function bodyOf(text: string): JsonMap {
  return text.trim() === "" ? {} : parseObject(text);
}

async function takeTelegram(request: Request, { approvals, door }: ApprovalRoutesOptions): Promise<Response> {
  const { telegram } = approvals;
  if (!telegram) {
    const message = "Nothing is awaited from Telegram here: TELEGRAM_UPDATES=webhook of the server sets it up.";
    throw new Refusal("TELEGRAM_NOT_SET_UP", 404, message);
  }
  const update = parseObject(await readText(request, BODY_BYTES_MAX));
  if (!(await telegram(request.headers.get("x-telegram-bot-api-secret-token"), update))) {
    const message = "Only Telegram may send this: the secret token is not the one it was told.";
    return door.refuse(request, new Refusal("INVALID_TOKEN", 401, message));
  }
  return json("{}");
}

function tooLate({ status }: Job): Refusal {
  const message = `This was decided already, or is not needed any more: the job is ${status}.`;
  return new Refusal("ALREADY_DECIDED", 409, message);
}

/** A refusal as a page: whoever opened the link is a person. */
async function inPages(run: () => Promise<Response>): Promise<Response> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { status, message, retryAfterSeconds } = error;
    return noticePage(status, TITLES[status] ?? "That did not work", message, retryAfterSeconds);
  }
}

const TITLES: Readonly<Record<number, string>> = {
  403: "This link does not work",
  404: "This job is not here any more",
  409: "Nothing to decide any more",
  410: "This link has expired",
};
