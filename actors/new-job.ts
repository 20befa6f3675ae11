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
    handler: delayMs > 0 ? { failures: 0, notBeforeMs: steady.nowMs() + delayMs } : { failures: 0 },
    steps: 0,
    priority: asked.priority,
    startAtMs: asked.startAtMs,
    uniqueKey: asked.uniqueKey,
    deadlineAtMs: deadlineMs === undefined ? undefined : steady.nowMs() + deadlineMs,
    dispatchTimeoutMs: milliseconds(asked.dispatchTimeoutSeconds),
    resultTimeoutMs: milliseconds(asked.resultTimeoutSeconds),
    webhookUrl: asked.webhookUrl,
    security: asked.security,
    metadata: asked.metadata,
    tags: asked.tags,
    trace: asked.trace,
    rerunOf: asked.rerunOf,
  };
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
