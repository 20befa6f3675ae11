/** Taking jobs to another version of their blueprint, for operators: one, or those that filters name. */
import { Elysia } from "elysia";
import type { Jobs, MigrationCall } from "../../actors/orchestrator.ts";
import type { Migration } from "../job/migration.ts";
import { isTerminal } from "../job/model.ts";
import { isObject } from "../protocol/json.ts";
import { type JsonMap, messageOf, Refusal } from "../system/errors.ts";
import type { ClientRoutesOptions } from "./client.ts";
import { describe, migrationBody } from "./descriptions.ts";
import { bodyOf, filtersOf } from "./job-actions.ts";
import { inTurns } from "./many-jobs.ts";
import { jobQueryOf, parametersOf } from "./query.ts";
import { json } from "./reply.ts";

type Options = Pick<ClientRoutesOptions, "orchestrator" | "door" | "settings">;

export function migrationRoutes(prefix: string, options: Options, isDescribed: boolean) {
  const told = describe("client", isDescribed);
  const raw = { parse: "none" } as const;
  return new Elysia({ prefix })
    .post("/jobs/:id/migrate", ({ request, params }) => one(request, params.id, options), {
      ...raw,
      ...told("Take a job to another version of its blueprint (operators)", migrationBody),
    })
    .post("/jobs/migrate", ({ request }) => many(request, options), {
      ...raw,
      ...told("Take the jobs that the filters of the list name to another version (operators)", migrationBody),
    });
}

async function one(request: Request, id: string, options: Options): Promise<Response> {
  const caller = options.door.operator(request);
  const wanted = wantedOf(await bodyOf(request, options, caller), parametersOf(request));
  return json(answerText(id, await options.orchestrator.jobs.migrate(id, wanted), wanted));
}

function answerText(id: string, { status, from, to, state }: Migration, { isDryRun }: MigrationCall): string {
  return JSON.stringify({ status, job_id: id, dry_run: isDryRun, from, to, current_state: state });
}

/** The filters stand behind the question mark, as for the list, or in the body beside the rest. */
async function many(request: Request, options: Options): Promise<Response> {
  const caller = options.door.operator(request);
  const { jobs } = options.orchestrator;
  const { to, states, ...filtering } = await bodyOf(request, options, caller);
  const filters = filtersOf(filtering, parametersOf(request));
  const wanted = wantedOf({ to, states } as JsonMap, filters);
  const query = jobQueryOf(filters, undefined);
  const found = await jobs.list({ ...query, limit: query.limit + 1 });
  const page = found.slice(0, query.limit);
  const open = page.filter(({ status }) => !isTerminal(status));
  const [migrated, unchanged, skipped]: [string[], string[], JsonMap[]] = [[], [], []];
  await inTurns(open, async ({ id }) => {
    const outcome = await migrate(jobs, id, wanted);
    if ("error" in outcome) skipped.push(outcome);
    else (outcome.status === "migrated" ? migrated : unchanged).push(id);
  });
  const next = found.length > query.limit ? (page.at(-1)?.id ?? null) : null;
  return json(
    JSON.stringify({ dry_run: wanted.isDryRun, job_ids: migrated.toSorted(), unchanged, skipped, next_cursor: next }),
  );
}

async function migrate(jobs: Jobs, id: string, wanted: MigrationCall): Promise<Migration | JsonMap> {
  try {
    return await jobs.migrate(id, wanted);
  } catch (error) {
    // One that does not fit, or has ended meanwhile, keeps none of the others.
    return { job_id: id, error: messageOf(error), code: error instanceof Refusal ? error.code : "INTERNAL_ERROR" };
  }
}

function wantedOf(body: JsonMap, parameters: URLSearchParams): MigrationCall {
  const { to, states = {} } = body;
  if (typeof to !== "string" || to === "") {
    const message = 'to must be the version to go to: "current", or the hash of one that `GET /blueprints` has shown.';
    throw new Refusal("INVALID_BODY", 422, message);
  }
  if (!isObject(states) || Object.values(states).some((name) => typeof name !== "string" || name === "")) {
    const message =
      'states must be an object of names, old to new, like {"check": "review"}: leave it out if none changed.';
    throw new Refusal("INVALID_BODY", 422, message);
  }
  const isDryRun = body["dry_run"] === true || parameters.get("dry_run") === "true";
  return { to, states: states as Record<string, string>, isDryRun };
}
