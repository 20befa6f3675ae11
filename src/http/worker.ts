/** What workers send over plain HTTP (wire contract, section 5). */
import { Elysia } from "elysia";
import type { Orchestrator } from "../../actors/orchestrator.ts";
import { identityOf, type WorkerGrant } from "../access/access.ts";
import { createSignatureCheck } from "../access/message-signatures.ts";
import type { ShortTokens } from "../access/short-tokens.ts";
import { invalidBody } from "../protocol/creation.ts";
import { findFlaw, isObject, parseObject, parseShallow, refusalOf } from "../protocol/json.ts";
import { type Caller, CALLER_HEADER, PROCESS_FIELD, readCaller, readProcess } from "../protocol/process.ts";
import { readCheckpoint, readProgress } from "../protocol/progress.ts";
import { readResult } from "../protocol/result.ts";
import { readWorkerEvent } from "../protocol/worker-event.ts";
import { compileSchema } from "../protocol/schema.ts";
import { mayBeSigned } from "../protocol/signed.ts";
import { HeartbeatBody, RegistrationBody, type ResultAnswer, type TaskPayload } from "../protocol/worker.ts";
import { type JsonMap, Refusal } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import type { System } from "../system/index.ts";
import { readText } from "./body.ts";
import { describe } from "./descriptions.ts";
import type { Door } from "./door.ts";
import { refuseHead } from "./missing.ts";
import type { Parking } from "./parking.ts";
import { json, jsonFor } from "./reply.ts";
import type { HttpSettings } from "./settings.ts";
import {
  cancellationAnswer,
  heartbeatAnswer,
  refreshBody,
  registeredAnswer,
  releaseBody,
  resultAnswer,
  resultBody,
  taskAnswer,
  workerEventBody,
} from "./worker-bodies.ts";

export interface WorkerRoutesOptions {
  readonly orchestrator: Pick<Orchestrator, "workers">;
  readonly door: Door;
  readonly system: Pick<System, "log" | "clock">;
  readonly settings: HttpSettings;
  readonly parking: Parking;
}

const checkRegistration = compileSchema(RegistrationBody);
const checkHeartbeat = compileSchema(HeartbeatBody);

export function workerRoutes(options: WorkerRoutesOptions) {
  const told = describe("worker");
  const raw = { parse: "none" } as const;
  const heartbeat = ({ request, params }: { request: Request; params: { id: string } }) =>
    takeHeartbeat(request, params.id, options);
  return new Elysia({ prefix: "/_worker" })
    .post("/workers/register", ({ request }) => register(request, options), {
      ...raw,
      ...told("Announce a worker", RegistrationBody, registeredAnswer),
    })
    .patch("/workers/:id", heartbeat, {
      ...raw,
      ...told("Heartbeat, or change what was announced", HeartbeatBody, heartbeatAnswer),
    })
    .patch("/workers/:id/status", heartbeat, {
      ...raw,
      ...told("Heartbeat, its other path", HeartbeatBody, heartbeatAnswer),
    })
    .get(
      "/workers/:id/tasks/next",
      ({ request, params }) => poll(request, params.id, options),
      told("Wait for a task: 204 where none came within 30 s", undefined, taskAnswer),
    )
    .post("/tasks/result", ({ request }) => takeResult(request, options), {
      ...raw,
      ...told("Hand in a result", resultBody, resultAnswer),
    })
    .post("/tasks/release", ({ request }) => release(request, options), {
      ...raw,
      ...told("Hand tasks back unfinished", releaseBody),
    })
    .get(
      "/tasks/:id/cancellation",
      ({ request, params }) => {
        const workerId = claim(options.door.worker(request), request, undefined);
        return json(`{"cancelled":${options.orchestrator.workers.isCancelled(workerId, params.id)}}`);
      },
      told("Ask whether a task was cancelled", undefined, cancellationAnswer),
    )
    .post("/events", ({ request }) => takeEvent(request, options), {
      ...raw,
      ...told("Progress and other events", workerEventBody),
    })
    .post("/auth/token", ({ request }) => exchangeToken(request, options), {
      ...raw,
      ...told("Exchange a worker's token for a short-lived one"),
    })
    .post("/auth/token/refresh", ({ request }) => refreshToken(request, options), {
      ...raw,
      ...told("Replace a short-lived token", refreshBody),
    });
}

async function register(request: Request, options: WorkerRoutesOptions): Promise<Response> {
  const { orchestrator, door, settings } = options;
  const grant = door.worker(request);
  const text = await readText(request, settings.bodyBytesMax);
  const body = parseObject(text);
  if ((body["worker_id"] ?? "") === "") throw missing("Missing required field: worker_id", "worker_id");
  const violations = checkRegistration(body, "");
  if (violations !== undefined) throw invalidBody(violations);
  const registration = body as unknown as RegistrationBody;
  claim(grant, request, registration.worker_id);
  checkSignature(request, text, registration.worker_id, options);
  const process = readProcess(body[PROCESS_FIELD]);
  if (process === undefined) {
    await orchestrator.workers.register(registration);
    return json('{"status":"registered"}');
  }
  const { [PROCESS_FIELD]: _, ...record } = registration as RegistrationBody & Record<string, unknown>;
  const { cancelled, heartbeatMs } = await orchestrator.workers.register(record, process);
  return json(
    JSON.stringify({ status: "registered", heartbeat_seconds: heartbeatMs / 1_000, cancel_task_ids: cancelled }),
  );
}

async function takeHeartbeat(request: Request, workerId: string, options: WorkerRoutesOptions): Promise<Response> {
  const { orchestrator, door, settings, system } = options;
  claim(door.worker(request, workerId), request, workerId);
  const text = await readText(request, settings.bodyBytesMax);
  const body = readHeartbeat(text, workerId, system.log);
  if (body !== undefined) checkSignature(request, text, workerId, options);
  const record = await orchestrator.workers.heartbeat(workerId, body, undefined, callerOf(request));
  if (body !== undefined) return jsonFor(request, JSON.stringify({ worker_id: workerId, ...record }));
  const cancelled = record["cancel_task_ids"];
  return json(
    JSON.stringify({ status: "ttl_refreshed", ...(cancelled !== undefined && { cancel_task_ids: cancelled }) }),
  );
}

function readHeartbeat(text: string, workerId: string, log: Log): HeartbeatBody | undefined {
  if (text.trim() === "") return undefined;
  const body = objectOrNothing(text);
  if (body === undefined) {
    log.warn("a heartbeat's body is no JSON object: only its arrival counts", { worker: workerId });
    return undefined;
  }
  const flaw = findFlaw(text);
  if (flaw !== undefined) throw refusalOf(flaw);
  const violations = checkHeartbeat(body, "");
  if (violations !== undefined) throw invalidBody(violations);
  if (typeof body["worker_id"] === "string") sameWorker(workerId, body["worker_id"]);
  return body as HeartbeatBody;
}

// The original takes any body that is no JSON for an empty one, and workers rely on it.
function objectOrNothing(text: string): JsonMap | undefined {
  try {
    const value = parseShallow(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof Refusal && error.code === "INVALID_JSON") return undefined;
    throw error;
  }
}

async function poll(request: Request, workerId: string, options: WorkerRoutesOptions): Promise<Response> {
  const { workers } = options.orchestrator;
  refuseHead(request);
  const grant = options.door.worker(request, workerId);
  claim(grant, request, workerId);
  const parked = options.parking.park(request, () => grant.admits(workerId));
  try {
    const text = await workers.poll(workerId, options.settings.pollMs, parked.signal, callerOf(request));
    if (text === undefined) {
      // Its token may have been taken away while it waited: then it hears so, and not that there is nothing.
      options.door.worker(request, workerId);
      return nothingFor(request, workerId, options);
    }
    const task = JSON.parse(text) as TaskPayload;
    if (!parked.signal.aborted) return jsonFor(request, text, task.tracing_context);
    // Taken for a connection that is gone: nobody would ever answer for it.
    workers.undelivered(workerId, task.task_id);
    options.door.worker(request, workerId);
    return new Response(null, { status: 204 });
  } finally {
    parked.leave();
  }
}

const NOT_REGISTERED =
  "No worker of this id is registered: POST /_worker/workers/register first, or correct the id in the path.";

/** Published workers may poll before they register: then the header, and the log, say why nothing comes. */
function nothingFor(request: Request, workerId: string, { orchestrator, system }: WorkerRoutesOptions): Response {
  if (request.signal.aborted || orchestrator.workers.isRegistered(workerId)) return new Response(null, { status: 204 });
  system.log.warn("a worker that is not registered asks for tasks, and none can come", {
    worker: workerId,
    hint: NOT_REGISTERED,
  });
  return new Response(null, { status: 204, headers: { "x-avtomatika-hint": NOT_REGISTERED } });
}

async function takeResult(request: Request, options: WorkerRoutesOptions): Promise<Response> {
  const { orchestrator, door, settings } = options;
  const grant = door.worker(request);
  const text = await readText(request, settings.bodyBytesMax);
  const body = parseShallow(text);
  if (!isObject(body))
    throw new Refusal("NOT_AN_OBJECT", 400, "The body must be a JSON object: send the result as one.");
  const claimed = typeof body["worker_id"] === "string" && body["worker_id"] !== "" ? body["worker_id"] : undefined;
  const workerId = claim(grant, request, claimed);
  if (workerId === undefined) throw missing("worker_id is required", "worker_id");
  checkSignature(request, text, workerId, options);
  const result = readResult(body, workerId, findFlaw(text));
  try {
    return json(JSON.stringify(await orchestrator.workers.result(result)));
  } catch (error) {
    const answer = answerToMissing(error);
    if (answer === undefined) throw error;
    return json(JSON.stringify(answer));
  }
}

/** A job that is not there is no error for the worker: old ones would send the result again and again. */
export function answerToMissing(error: unknown): ResultAnswer | undefined {
  if (!(error instanceof Refusal) || error.code !== "JOB_NOT_FOUND") return undefined;
  return { status: "ignored", reason: "job_not_found", message: "There is no such job: drop the result." };
}

async function release(request: Request, { orchestrator, door, settings }: WorkerRoutesOptions): Promise<Response> {
  const grant = door.worker(request);
  const body = parseObject(await readText(request, settings.bodyBytesMax));
  const workerId = claim(grant, request, typeof body["worker_id"] === "string" ? body["worker_id"] : undefined);
  if (workerId === undefined) throw missing("worker_id is required", "worker_id");
  const ids = body["task_ids"];
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === "string")) {
    throw invalidBody([{ path: "/task_ids", message: "must be a list of task ids" }]);
  }
  orchestrator.workers.release(workerId, ids as string[]);
  return json('{"status":"released"}');
}

async function takeEvent(request: Request, options: WorkerRoutesOptions): Promise<Response> {
  const { orchestrator, door, settings } = options;
  const grant = door.worker(request);
  const text = await readText(request, settings.bodyBytesMax);
  const body = parseObject(text);
  const workerId = claim(grant, request, typeof body["worker_id"] === "string" ? body["worker_id"] : undefined);
  if (workerId === undefined) throw missing("worker_id is required", "worker_id");
  checkSignature(request, text, workerId, options);
  const progress = readProgress(body);
  const checkpoint = readCheckpoint(body);
  if (progress) orchestrator.workers.progress(workerId, progress);
  if (checkpoint) orchestrator.workers.checkpoint(workerId, checkpoint);
  if (progress || checkpoint) return json('{"status":"event_accepted"}');
  const event = readWorkerEvent(body);
  if (event) return json(JSON.stringify(await orchestrator.workers.event(workerId, event)));
  // Said openly, so that nobody waits for the effect of an event that has none.
  const note =
    "An event counts for the task of a job: it needs event_type and target_job_id. Nothing was done with this one.";
  return json(JSON.stringify({ status: "event_accepted", note }));
}

function exchangeToken(request: Request, { door }: WorkerRoutesOptions): Response {
  const grant = door.worker(request);
  const workerId = claim(grant, request, undefined);
  if (workerId === undefined)
    throw missing("X-Worker-ID is required: the token alone does not say whose it is", "X-Worker-ID");
  return json(JSON.stringify(shortTokensOf(door).issue(grant, workerId)));
}

async function refreshToken(request: Request, { door, settings }: WorkerRoutesOptions): Promise<Response> {
  const tokens = shortTokensOf(door);
  const { refresh_token: token } = parseObject(await readText(request, settings.bodyBytesMax));
  if (typeof token !== "string" || token === "") throw missing("refresh_token is required", "refresh_token");
  const issued = tokens.refresh(token, workerHint(request));
  if (issued !== undefined) return json(JSON.stringify(issued));
  const message = "The refresh token is of no worker, or not of this one: exchange the worker's own token again.";
  return door.refuse(request, new Refusal("INVALID_REFRESH_TOKEN", 403, message));
}

function shortTokensOf({ shortTokens }: Door): ShortTokens {
  if (shortTokens !== undefined) return shortTokens;
  const message =
    "Tokens are not exchanged at this door: send the worker's own token in X-Worker-Token, or none on this machine.";
  throw new Refusal("TOKEN_EXCHANGE_UNAVAILABLE", 401, message);
}

/** The worker that acts, when token, header and body or path agree on it. */
function claim(grant: WorkerGrant, request: Request, claimed: string | undefined): string | undefined {
  const hint = workerHint(request);
  if (claimed !== undefined && hint !== undefined) sameWorker(hint, claimed);
  return identityOf(grant, claimed ?? hint);
}

function sameWorker(identity: string, claimed: string): void {
  if (identity === claimed) return;
  const message = `The body speaks for worker "${claimed}", the request is from "${identity}": send both alike.`;
  throw new Refusal("WORKER_MISMATCH", 403, message);
}

/** Who signs nothing, as most do, is asked for nothing. */
function checkSignature(request: Request, text: string, workerId: string, { system }: WorkerRoutesOptions): void {
  if (mayBeSigned(text)) createSignatureCheck(presentedToken(request), system.clock).text(text, workerId);
}

export function presentedToken(request: Request): string | undefined {
  return request.headers.get("x-worker-token") || undefined;
}

export function workerHint(request: Request): string | undefined {
  return request.headers.get("x-worker-id") || undefined;
}

/** Which of the worker's processes it is, where it says so. */
function callerOf(request: Request): Caller | undefined {
  return readCaller(request.headers.get(CALLER_HEADER));
}

function missing(message: string, field: string): Refusal {
  return new Refusal("MISSING_FIELD", 400, message, { fields: [field] });
}
