/** What clients may ask for. The same routes stand under the prefix and under each version. */
import { Elysia } from "elysia";
import type { Orchestrator } from "../../actors/orchestrator.ts";
import type { Manifest } from "../catalog/port.ts";
import type { JsonMap } from "../system/errors.ts";
import type { System } from "../system/index.ts";
import { blueprintListText, blueprintText } from "./blueprints.ts";
import type { Creator } from "./creation.ts";
import { describe, jobBody } from "./descriptions.ts";
import type { Door } from "./door.ts";
import type { Drawing } from "./drawing.ts";
import { graphAnswer } from "./graph.ts";
import { openEventStream } from "./events.ts";
import { historyText } from "./history.ts";
import { refuseHead } from "./missing.ts";
import type { Parking } from "./parking.ts";
import { fieldsOf, invalidParameter, jobQueryOf, parametersOf } from "./query.ts";
import { json, jsonFor } from "./reply.ts";
import type { HttpSettings } from "./settings.ts";
import { skillCatalogue } from "./skills.ts";
import { unknownBlueprint } from "./unknown-blueprint.ts";
import { jobEventListText, jobListText, jobText } from "./views.ts";

export interface ClientRoutesOptions {
  readonly orchestrator: Orchestrator;
  readonly creator: Creator;
  readonly door: Door;
  readonly system: System;
  readonly settings: HttpSettings;
  readonly parking: Parking;
  readonly drawing: Drawing;
}

export function clientRoutes(prefix: string, options: ClientRoutesOptions, isDescribed: boolean) {
  const { orchestrator, creator, door } = options;
  const { workers } = orchestrator;
  const told = describe("client", isDescribed);
  return new Elysia({ prefix })
    .get("/jobs", ({ request }) => listJobs(request, options), told("List jobs, newest first"))
    .get("/jobs/:id", ({ request, params }) => readJob(request, params.id, options), told("Read a job"))
    .get(
      "/jobs/:id/history",
      ({ request, params }) => readHistory(request, params.id, options),
      told("Read its history"),
    )
    .get("/jobs/:id/events", ({ request, params }) => watchJob(request, params.id, options), told("Follow a job, live"))
    .post("/jobs/:id/cancel", ({ request, params }) => cancelJob(request, params.id, options), told("Cancel a job"))
    .get(
      "/workers",
      ({ request }) => {
        door.client(request);
        return jsonFor(request, JSON.stringify(workers.list().map(withoutSecrets)));
      },
      told("List the workers"),
    )
    .get(
      "/workers/catalog",
      ({ request }) => {
        door.client(request);
        return jsonFor(request, JSON.stringify(skillCatalogue(workers.list())));
      },
      told("List what the workers can do, by skill"),
    )
    .get("/dashboard", ({ request }) => readCounts(request, options), told("Count workers and jobs"))
    .get(
      "/blueprints/:name/graph",
      ({ request, params }) => {
        const { viewer } = door.client(request);
        const manifest = manifestOf(params.name, orchestrator, viewer === undefined);
        return graphAnswer(request, manifest, options.drawing);
      },
      told("Draw a blueprint, as DOT text (?format=svg, png, mermaid, or json for its parts)"),
    )
    .post(
      "/blueprints/:name/jobs",
      ({ request, params }) => {
        const caller = door.operator(request);
        return creator.start(request, caller, {
          manifest: manifestOf(params.name, orchestrator, true),
          isBatch: false,
        });
      },
      { parse: "none", ...told("Start a job of any blueprint (operators)", jobBody) },
    )
    .get(
      "/blueprints",
      ({ request }) => {
        const { viewer } = door.client(request);
        const refused = viewer === undefined ? orchestrator.catalog.refused() : undefined;
        return jsonFor(request, blueprintListText(orchestrator.blueprints.list(), refused));
      },
      told("List the blueprints"),
    )
    .get(
      "/blueprints/:name",
      ({ request, params }) => {
        const { viewer } = door.client(request);
        manifestOf(params.name, orchestrator, viewer === undefined);
        const refused = viewer === undefined ? orchestrator.catalog.refused() : undefined;
        return jsonFor(request, blueprintText(orchestrator.blueprints.read(params.name), refused));
      },
      told("Read a blueprint: its states, where they lead, its limit"),
    );
}

async function readJob(request: Request, id: string, { door, orchestrator }: ClientRoutesOptions): Promise<Response> {
  const { viewer } = door.client(request);
  const fields = fieldsOf(parametersOf(request));
  return jsonFor(request, jobText(await orchestrator.jobs.read(viewer, id), fields));
}

async function listJobs(request: Request, { door, orchestrator }: ClientRoutesOptions): Promise<Response> {
  const { viewer } = door.client(request);
  const query = jobQueryOf(parametersOf(request), viewer);
  if (query.offset !== undefined) return jsonFor(request, jobEventListText(await orchestrator.jobs.list(query)));
  // One more than asked for tells whether there is a next page.
  const found = await orchestrator.jobs.list({ ...query, limit: query.limit + 1 });
  const shown = found.slice(0, query.limit);
  return jsonFor(request, jobListText(shown, found.length > query.limit ? (shown.at(-1)?.id ?? null) : null));
}

async function readHistory(
  request: Request,
  id: string,
  { door, orchestrator }: ClientRoutesOptions,
): Promise<Response> {
  const { viewer } = door.client(request);
  // The history of a job that is not there is no empty one.
  await orchestrator.jobs.read(viewer, id);
  return jsonFor(request, await historyText(orchestrator.jobs, viewer, id, parametersOf(request)));
}

async function watchJob(request: Request, id: string, options: ClientRoutesOptions): Promise<Response> {
  refuseHead(request);
  const { viewer, isAdmitted } = options.door.client(request);
  return openEventStream({
    jobs: options.orchestrator.jobs,
    timers: options.system.timers,
    log: options.system.log,
    viewer,
    id,
    afterSequence: lastEventId(request),
    commentMs: options.settings.eventCommentMs,
    parked: options.parking.park(request, isAdmitted),
  });
}

function lastEventId(request: Request): number {
  const text = request.headers.get("last-event-id");
  if (text === null || text === "") return 0;
  const sequence = Number(text);
  if (Number.isSafeInteger(sequence) && sequence >= 0) return sequence;
  throw invalidParameter("Last-Event-ID", "Last-Event-ID must be the id of an event of this stream.");
}

async function cancelJob(request: Request, id: string, { door, orchestrator }: ClientRoutesOptions): Promise<Response> {
  const { viewer } = door.client(request);
  const status = await orchestrator.jobs.cancel(viewer, id);
  return json(JSON.stringify({ status, job_id: id }));
}

async function readCounts(request: Request, { door, orchestrator }: ClientRoutesOptions): Promise<Response> {
  const { viewer } = door.client(request);
  const counts = await orchestrator.jobs.counts(viewer);
  const jobs = { queued: counts.get("pending") ?? 0, ...Object.fromEntries(counts) };
  return json(JSON.stringify({ workers: { total: orchestrator.workers.list().length }, jobs }));
}

/** Files of the server are told to operators alone. */
function manifestOf(name: string, { catalog }: Pick<Orchestrator, "catalog">, isOperator: boolean): Manifest {
  const manifest = catalog.current(name);
  if (manifest !== undefined) return manifest;
  throw unknownBlueprint(name, catalog, isOperator);
}

const SECRET_FIELDS = ["token", "dynamic_token", "security"];

/** Workers send what they like when they register; some of it is nobody else's business. */
export function withoutSecrets(record: JsonMap): JsonMap {
  if (!SECRET_FIELDS.some((field) => field in record)) return record;
  return Object.fromEntries(Object.entries(record).filter(([field]) => !SECRET_FIELDS.includes(field)));
}
