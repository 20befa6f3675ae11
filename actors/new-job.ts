/** A job as it begins: of the blueprint's newest version, in its start state. */
import type { Catalog, Manifest } from "../src/catalog/port.ts";
import type { ClientFacts, Job } from "../src/job/model.ts";
import { Refusal } from "../src/system/errors.ts";
import { suggestion } from "../src/system/nearest.ts";
import type { System } from "../src/system/index.ts";
import type { SteadyClock } from "../src/system/steady.ts";
import type { NewJob } from "./orchestrator.ts";

export interface NewJobParts {
  readonly system: Pick<System, "clock" | "ids">;
  /** For what is due. */
  readonly steady: SteadyClock;
  readonly catalog: Catalog;
}

/** `shard`: jobs that are made in one unit share it. */
export function newJob(
  { system, steady, catalog }: NewJobParts,
  client: ClientFacts,
  asked: NewJob,
  shard: number | undefined,
): Job {
  const manifest = catalog.current(asked.blueprint);
  if (!manifest) throw new Refusal("BLUEPRINT_NOT_FOUND", 404, `No blueprint named ${asked.blueprint} is in service.`);
  const nowMs = system.clock.nowMs();
  // Steady, like all that is due; the wall clock is asked again when the time has come.
  const delayMs = asked.startAtMs === undefined ? 0 : asked.startAtMs - nowMs;
  const deadlineMs = asked.deadlineSeconds === undefined ? manifest.deadlineMs : asked.deadlineSeconds * 1000;
  if (delayMs > 0 && deadlineMs !== undefined && deadlineMs <= delayMs) throw neverBegins(deadlineMs);
  // All that a job may ever hold is there from the start: it is copied with each change, which is cheap where nothing has to be added.
  return {
    id: system.ids.job(shard),
    version: 0,
    client,
    blueprint: manifest.name,
    hash: manifest.hash,
    status: "pending",
    state: stateOf(manifest, asked.state),
    visit: 1,
    enteredAtMs: nowMs,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    initialData: asked.initialData,
    stateHistory: "{}",
    merge: undefined,
    error: undefined,
    task: undefined,
    parallel: undefined,
    child: undefined,
    pause: undefined,
    early: undefined,
    answered: undefined,
    aggregation: undefined,
    handler: delayMs > 0 ? { failures: 0, notBeforeMs: steady.nowMs() + delayMs } : { failures: 0 },
    endsAs: undefined,
    begun: undefined,
    steps: 0,
    cancelRequestedAtMs: undefined,
    progress: undefined,
    progressMessage: undefined,
    priority: asked.priority,
    deadlineAtMs: deadlineMs === undefined ? undefined : steady.nowMs() + deadlineMs,
    startAtMs: asked.startAtMs,
    uniqueKey: asked.uniqueKey,
    gate: undefined,
    within: undefined,
    dispatchTimeoutMs: milliseconds(asked.dispatchTimeoutSeconds),
    resultTimeoutMs: milliseconds(asked.resultTimeoutSeconds),
    webhookUrl: asked.webhookUrl,
    security: asked.security,
    metadata: asked.metadata,
    files: undefined,
    tags: asked.tags,
    rerunOf: asked.rerunOf,
    parentId: undefined,
    depth: undefined,
    isAlone: undefined,
    failedIn: undefined,
    failedAggregation: undefined,
    cameFrom: undefined,
    failedTask: undefined,
    trace: asked.trace,
  } satisfies { [Name in keyof Required<Job>]: Job[Name] };
}

function neverBegins(deadlineMs: number): Refusal {
  const message = `The job would be over its deadline before it begins: ${deadlineMs / 1000} s count from its creation, not from start_at. Raise deadline_seconds, or choose an earlier start.`;
  return new Refusal("DEADLINE_BEFORE_START", 422, message);
}

function stateOf({ name, start, states }: Manifest, asked: string | undefined): string {
  if (asked === undefined) return start;
  if (states.some((state) => state.name === asked)) return asked;
  const names = states.map((state) => state.name);
  throw new Refusal("UNKNOWN_STATE", 422, `Blueprint ${name} has no state "${asked}"${suggestion(asked, names)}`, {
    states: names,
  });
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
