/** Jobs, units and the outside world for tests of stores. */
import type { Job, JobEvent, TaskWait } from "../../src/job/model.ts";
import type { JobWrite, Unit } from "../../src/storage/port.ts";
import type { Scheduler } from "../../src/system/clock.ts";
import { Refusal } from "../../src/system/errors.ts";

export function sampleJob(id: string, changes: Partial<Job> = {}): Job {
  return {
    id,
    version: 1,
    client: { id: "acme", plan: "pro", config: {} },
    blueprint: "flow",
    hash: "a".repeat(64),
    status: "waiting_for_worker",
    state: "start",
    visit: 1,
    enteredAtMs: 0,
    createdAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_000_000,
    initialData: '{"text":"hello"}',
    stateHistory: "{}",
    steps: 1,
    ...changes,
  };
}

export function sampleWait(slot = 0, changes: Partial<TaskWait> = {}): TaskWait {
  return {
    slot,
    order: {
      type: "echo",
      params: '{"text":"hello"}',
      transitions: { success: "end" },
      strategy: "default",
      priority: 0,
      retry: { maxAttempts: 4, backoffMs: 1000, factor: 2, maxBackoffMs: 60_000 },
    },
    attempt: 1,
    queuedAtMs: 1_700_000_000_000,
    ...changes,
  };
}

export function sampleEvent(type: JobEvent["type"], changes: Partial<JobEvent> = {}): JobEvent {
  return { type, atMs: 1_700_000_000_000, state: "start", ...changes };
}

/** The write that follows `job` as it was: `job` carries the new version. */
export function writeOf(job: Job, changes: Partial<JobWrite> = {}): JobWrite {
  return { job, expectedVersion: job.version - 1, events: [sampleEvent("state_started")], ...changes };
}

export function unitOf(job: Job, changes: Partial<JobWrite> = {}): Unit {
  return { jobs: [writeOf(job, changes)] };
}

export function next(job: Job, changes: Partial<Job> = {}): Job {
  return { ...job, version: job.version + 1, ...changes };
}

/** Ids in the order of their numbers. */
export function idOf(number: number): string {
  return `01900000-0000-7000-8000-${number.toString(16).padStart(12, "0")}`;
}

export const eventLoop: Scheduler = {
  soon: (run) => queueMicrotask(run),
  afterInput: (run) => void setImmediate(run),
};

/** "stored", or the code of the refusal. */
export async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "stored";
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

export async function refusalOf(promise: Promise<unknown>): Promise<Refusal> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("it was not refused");
}
