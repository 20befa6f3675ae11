/** What is sent to a job that is there already: events, decisions, a retry, a rerun; and the same to many at once. */
import { Elysia } from "elysia";
import type { Orchestrator, Rerun } from "../../actors/orchestrator.ts";
import { type Caller, invalidToken } from "../access/access.ts";
import { warningOfEvent } from "../catalog/awaited-events.ts";
import type { Job } from "../job/model.ts";
import { isObject, parseObject } from "../protocol/json.ts";
import { type JsonMap, messageOf, Refusal } from "../system/errors.ts";
import { readText } from "./body.ts";
import type { ClientRoutesOptions } from "./client.ts";
import { idempotencyKeyOf } from "./creation.ts";
import { decisionBy } from "./decision.ts";
import { decisionBody, describe, eventBody, filtersBody, rerunBody } from "./descriptions.ts";
import { changeAll } from "./many-jobs.ts";
import { jobQueryOf, parametersOf } from "./query.ts";
import { json } from "./reply.ts";
import { refuseRerun } from "./rerun-rights.ts";

const NAME_LENGTH_MAX = 200;

export function jobActionRoutes(prefix: string, options: ClientRoutesOptions, isDescribed: boolean) {
  const told = describe("client", isDescribed);
  const raw = { parse: "none" } as const;
  return new Elysia({ prefix })
    .post("/jobs/:id/event", ({ request, params }) => sendEvent(request, params.id, options), {
      ...raw,
      ...told("Send an event to a job; one that comes early is kept for it", eventBody),
    })
    .post("/jobs/:id/decision", ({ request, params }) => decide(request, params.id, options), {
      ...raw,
      ...told("Decide for a job that waits for a person", decisionBody),
    })
    .post("/jobs/:id/retry", ({ request, params }) => retry(request, params.id, options), {
      ...raw,
      ...told("Let a job that failed go on at the step that failed"),
    })
    .post("/jobs/:id/rerun", ({ request, params }) => rerun(request, params.id, options), {
      ...raw,
      ...told("Start a new job like this one", rerunBody),
    })
    .post("/jobs/cancel", ({ request }) => many(request, "cancel", options), {
      ...raw,
      ...told("Cancel the jobs that the filters of the list name", filtersBody),
    })
    .post("/jobs/retry", ({ request }) => many(request, "retry", options), {
      ...raw,
      ...told("Retry the jobs that the filters of the list name", filtersBody),
    });
}

export async function bodyOf(
  request: Request,
  { settings }: Pick<ClientRoutesOptions, "settings">,
  { isAdmitted }: Caller,
): Promise<JsonMap> {
  const text = await readText(request, settings.bodyBytesMax);
  // Taken away while the body was coming.
  if (isAdmitted?.() === false) throw invalidToken();
  return text.trim() === "" ? {} : parseObject(text);
}

async function sendEvent(request: Request, id: string, options: ClientRoutesOptions): Promise<Response> {
  const caller = options.door.client(request);
  const { viewer } = caller;
  const body = await bodyOf(request, options, caller);
  const event = nameIn(body, "event", 'the name that the blueprint waits for, like {"event": "paid"}');
  const data = JSON.stringify(body["data"] ?? null);
  const { jobs } = options.orchestrator;
  // Before it takes the event: what it waits for now may have no other trace.
  const { job } = await jobs.read(viewer, id);
  await jobs.event(viewer, id, { event, data }, idempotencyKeyOf(request));
  const warning = await warningFor(event, job, options.orchestrator).catch((error: unknown) => {
    // The event is taken: an answer that says anything else would have it sent once more.
    options.system.log.warn("Whether a job waits for the event that it was sent could not be looked up.", {
      job: id,
      reason: messageOf(error),
    });
    return undefined;
  });
  return json(JSON.stringify({ status: "event_accepted", job_id: id, ...(warning !== undefined && { warning }) }));
}

/** A misspelled name is never refused, because names may be computed: whoever sent it has to be told. */
async function warningFor(
  event: string,
  { blueprint, hash, pause }: Job,
  { catalog }: Pick<Orchestrator, "catalog">,
): Promise<string | undefined> {
  const newest = catalog.current(blueprint);
  const manifest = newest?.hash === hash ? newest : await catalog.pinned(hash, blueprint);
  const now = pause?.kind === "event" ? pause.event : undefined;
  return manifest && warningOfEvent(event, manifest, now);
}

async function decide(request: Request, id: string, options: ClientRoutesOptions): Promise<Response> {
  const caller = options.door.client(request);
  const body = await bodyOf(request, options, caller);
  await options.orchestrator.jobs.decide(caller.viewer, id, decisionBy(caller, body), idempotencyKeyOf(request));
  return json(JSON.stringify({ status: "decision_accepted", job_id: id }));
}

async function retry(request: Request, id: string, { door, orchestrator }: ClientRoutesOptions): Promise<Response> {
  const { viewer } = door.client(request);
  await orchestrator.jobs.retry(viewer, id, idempotencyKeyOf(request));
  return json(JSON.stringify({ status: "retry_accepted", job_id: id }));
}

async function rerun(request: Request, id: string, options: ClientRoutesOptions): Promise<Response> {
  const { jobs } = options.orchestrator;
  const caller = options.door.client(request);
  const { viewer } = caller;
  const body = await bodyOf(request, options, caller);
  const { job } = await jobs.read(viewer, id);
  const changes = rerunOf(body, job, options);
  refuseRerun(caller, options.orchestrator.catalog.current(job.blueprint), changes.fromState);
  const key = idempotencyKeyOf(request);
  const jobId = await options.creator.pay(caller, (admit) => jobs.rerun(viewer, id, changes, key, admit));
  return json(JSON.stringify({ status: "accepted", job_id: jobId, rerun_of: id }));
}

function rerunOf(body: JsonMap, job: Job, { creator }: ClientRoutesOptions): Rerun {
  const { from_state: fromState, initial_data: input } = body;
  if (fromState !== undefined && typeof fromState !== "string") {
    throw new Refusal("INVALID_BODY", 422, "from_state must be the name of a state: leave it out to begin anew.");
  }
  if (input !== undefined && !isObject(input)) {
    throw new Refusal("INVALID_BODY", 422, "initial_data must be an object: leave it out to use the first run's.");
  }
  if (input !== undefined) creator.checkInput(job.blueprint, input);
  return {
    ...(fromState !== undefined && { fromState }),
    ...(input !== undefined && { initialData: JSON.stringify(input) }),
  };
}

/** The filters stand behind the question mark, as for the list, or in the body. */
async function many(request: Request, what: "cancel" | "retry", options: ClientRoutesOptions): Promise<Response> {
  const caller = options.door.client(request);
  const { viewer } = caller;
  const { jobs } = options.orchestrator;
  const filters = filtersOf(await bodyOf(request, options, caller), parametersOf(request));
  const isDryRun = filters.get("dry_run") === "true";
  const { changed, skipped, next } = await changeAll(jobs, { what, viewer, isDryRun }, jobQueryOf(filters, viewer));
  return json(JSON.stringify({ dry_run: isDryRun, job_ids: changed, skipped, next_cursor: next }));
}

const FILTERS = ["status", "blueprint", "created_after", "created_before", "tag", "parent"];
const OTHERS = ["limit", "cursor", "dry_run"];

export function filtersOf(body: JsonMap, parameters: URLSearchParams): URLSearchParams {
  const filters = new URLSearchParams(parameters);
  for (const [name, value] of Object.entries(body)) {
    for (const one of Array.isArray(value) ? value : [value]) filters.append(name, String(one));
  }
  const unknown = [...filters.keys()].find((name) => !FILTERS.includes(name) && !OTHERS.includes(name));
  if (unknown !== undefined) {
    const message = `"${unknown}" is no filter of jobs: use ${[...FILTERS, ...OTHERS].join(", ")}.`;
    throw new Refusal("INVALID_PARAMETER", 400, message, { parameter: unknown });
  }
  if (FILTERS.some((name) => filters.has(name))) return filters;
  const message = `Say which jobs are meant: give at least one of ${FILTERS.join(", ")}.`;
  throw new Refusal("FILTER_REQUIRED", 400, message);
}

function nameIn(body: JsonMap, field: string, what: string): string {
  const value = body[field];
  if (typeof value === "string" && value !== "" && value.length <= NAME_LENGTH_MAX) return value;
  throw new Refusal("INVALID_BODY", 422, `${field} must be a text of 1 to ${NAME_LENGTH_MAX} characters: ${what}.`);
}
