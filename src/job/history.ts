/** Turns stored units into the events that are served: ids, times, and snapshots rebuilt from differences. */
import { createHash } from "node:crypto";
import type { JsonMap, JsonValue } from "../system/errors.ts";
import { formatUuid } from "../system/ids.ts";
import { isoTime } from "../system/iso.ts";
import type { Job, JobEvent } from "./model.ts";

/** An event as `GET /jobs/{id}/history` serves it (wire contract, section 8). */
export interface HistoryEvent {
  /** Grows within the job: what `Last-Event-ID` and cursors carry. */
  readonly sequence: number;
  readonly event_id: string;
  readonly job_id: string;
  readonly timestamp: string;
  readonly state: string | null;
  readonly event_type: string;
  readonly duration_ms: number | null;
  readonly previous_state: string | null;
  readonly next_state: string | null;
  readonly worker_id: string | null;
  readonly attempt_number: number | null;
  readonly context_snapshot: JsonMap;
}

export interface UnitEvents {
  readonly version: number;
  readonly events: readonly JobEvent[];
}

const EVENTS_A_UNIT = 4_096;
const KEPT_IN_LIST = 100;

/** The sequence number of the last event that the unit of this version can hold. */
export function lastSequenceOf(version: number): number {
  return version * EVENTS_A_UNIT + EVENTS_A_UNIT - 1;
}

/**
 * Reads a job's units in their order and gives out its events. Snapshots share what did not change
 * and are never changed: each is what the job looked like right after its event.
 */
export class HistoryReplay {
  readonly #initialData: JsonMap;
  readonly #past: Past = { state: "", status: "pending", history: {} };
  /** The last unit that was read. */
  version = 0;

  constructor(readonly job: Pick<Job, "id" | "blueprint" | "initialData">) {
    this.#initialData = JSON.parse(job.initialData) as JsonMap;
  }

  /** The events of the next units; those up to `afterSequence` are only followed, not made. */
  read(units: readonly UnitEvents[], afterSequence: number): HistoryEvent[] {
    const events: HistoryEvent[] = [];
    for (const unit of units) {
      for (const [index, event] of unit.events.entries()) {
        advance(this.#past, event);
        const sequence = unit.version * EVENTS_A_UNIT + index;
        if (sequence > afterSequence) events.push(served(this.job, this.#initialData, this.#past, event, sequence));
      }
      this.version = unit.version;
    }
    return events;
  }
}

/** All events of a job, from all of its units. */
export function rebuildHistory(job: Job, units: readonly UnitEvents[]): HistoryEvent[] {
  return new HistoryReplay(job).read(units, 0);
}

interface Past {
  state: string;
  status: string;
  history: JsonMap;
}

function advance(past: Past, event: JobEvent): void {
  if (event.patch !== undefined) past.history = patched(past.history, JSON.parse(event.patch) as Patch);
  if (event.state !== undefined) past.state = event.state;
  past.status = event.status ?? (event.type === "job_created" ? "pending" : statusDuring(event.type));
}

function statusDuring(type: JobEvent["type"]): string {
  if (type === "job_waiting") return "pending";
  if (type.startsWith("worker_event:")) return "waiting_for_worker";
  return type === "task_dispatched" || type === "progress" ? "waiting_for_worker" : "running";
}

interface Patch {
  readonly set?: JsonMap;
  readonly unset?: readonly string[];
  readonly append?: Readonly<Record<string, JsonValue[]>>;
}

function patched(history: JsonMap, patch: Patch): JsonMap {
  const next: JsonMap = { ...history, ...patch.set };
  for (const name of patch.unset ?? []) delete next[name];
  for (const [name, items] of Object.entries(patch.append ?? {})) {
    const before = next[name];
    next[name] = [...(Array.isArray(before) ? before : []), ...items].slice(-KEPT_IN_LIST);
  }
  return next;
}

function served(
  job: Pick<Job, "id" | "blueprint">,
  initialData: JsonMap,
  past: Past,
  event: JobEvent,
  sequence: number,
): HistoryEvent {
  return {
    sequence,
    event_id: eventId(job.id, sequence),
    job_id: job.id,
    timestamp: isoTime(event.atMs),
    state: event.state ?? null,
    event_type: event.type,
    duration_ms: event.durationMs === undefined ? null : Math.round(event.durationMs),
    previous_state: event.previous ?? null,
    next_state: event.next ?? null,
    worker_id: event.worker ?? null,
    attempt_number: event.attempt ?? null,
    context_snapshot: {
      id: job.id,
      blueprint_name: job.blueprint,
      current_state: past.state,
      status: past.status,
      initial_data: initialData,
      state_history: past.history,
      ...(event.taskId !== undefined && { task_id: event.taskId }),
      ...extraOf(event),
    },
  };
}

/** The id of a task is stored once, and served in two places. */
function extraOf({ extra, taskId }: JobEvent): JsonMap | undefined {
  const facts = extra as JsonMap | undefined;
  const info = facts?.["task_info"];
  if (taskId === undefined || info === undefined) return facts;
  return { ...facts, task_info: { task_id: taskId, ...(info as JsonMap) } };
}

/** The same event has the same id wherever it is copied to. */
function eventId(jobId: string, sequence: number): string {
  const bytes = new Uint8Array(createHash("sha256").update(`${jobId}/${sequence}`).digest().subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return formatUuid(bytes);
}
