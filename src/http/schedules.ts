/** Schedules, for operators. */
import { Elysia } from "elysia";
import type { ScheduleList, Schedules, ScheduleView } from "../../actors/orchestrator.ts";
import { isoTime } from "../system/iso.ts";
import { idempotencyKeyOf } from "./creation.ts";
import { describe } from "./descriptions.ts";
import type { Door } from "./door.ts";
import { json, jsonFor } from "./reply.ts";

export interface ScheduleRoutesOptions {
  readonly schedules: Schedules;
  readonly door: Door;
}

/** Stands under the operators' prefix. */
export function scheduleRoutes({ schedules, door }: ScheduleRoutesOptions, isDescribed: boolean) {
  const told = describe("admin", isDescribed);
  const raw = { parse: "none" } as const;
  return new Elysia()
    .get(
      "/schedules",
      async ({ request }) => {
        door.operator(request);
        return jsonFor(request, JSON.stringify(listDocument(await schedules.list())));
      },
      told("Schedules: when each is due, what its last job did, what is wrong with it"),
    )
    .post(
      "/schedules/:name/trigger",
      async ({ request, params }) => {
        door.operator(request);
        const id = await schedules.trigger(params.name, idempotencyKeyOf(request));
        return json(JSON.stringify({ status: "triggered", schedule: params.name, job_id: id }));
      },
      { ...raw, ...told("Start a job of a schedule now, beside those that are due") },
    )
    .post(
      "/schedules/:name/pause",
      async ({ request, params }) => {
        door.operator(request);
        await schedules.pause(params.name);
        return json(JSON.stringify({ status: "paused", schedule: params.name }));
      },
      { ...raw, ...told("Start no jobs of a schedule until it is resumed, also after a restart") },
    )
    .post(
      "/schedules/:name/resume",
      async ({ request, params }) => {
        door.operator(request);
        await schedules.resume(params.name);
        return json(JSON.stringify({ status: "resumed", schedule: params.name }));
      },
      { ...raw, ...told("Start jobs of a schedule again; what was due in between is left out") },
    );
}

function listDocument({ file, problem, schedules }: ScheduleList) {
  return { schedules: schedules.map(scheduleDocument), file, file_error: problem ?? null };
}

function scheduleDocument(view: ScheduleView) {
  return {
    name: view.name,
    blueprint: view.blueprint,
    timing: view.timing,
    timezone: view.timezone,
    enabled: view.isEnabled,
    paused: view.isPaused,
    missed: view.missed,
    overlap: view.overlap,
    jitter_seconds: view.jitterMs / 1000,
    next_due: time(view.nextDueMs),
    last_due: time(view.lastDueMs),
    last_job_id: view.lastJobId ?? null,
    last_job_status: view.lastJobStatus ?? null,
    left_out: view.leftOut ? { due: isoTime(view.leftOut.dueMs), reason: view.leftOut.reason } : null,
    error: view.error ?? null,
  };
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : isoTime(ms);
}
