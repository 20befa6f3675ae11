/**
 * What a unit told, as text. Its events say much the same things one after the other, and a store
 * keeps them for good: so a name is short, and what an event shares with the one before it is left
 * out. Files from before hold them as they are.
 */
import type { JobEvent, JobStatus } from "../../job/model.ts";

/** Who ran a task: worker, task id, attempt. */
type Run = readonly [worker: string | null, taskId: string | null, attempt: number | null];

interface Short {
  /** type */
  t: JobEvent["type"];
  /** atMs */
  at?: number | undefined;
  /** atMs, by how much it is later than the one before. With neither: the same. */
  a?: number | undefined;
  /** state: not there, as before; null, none. */
  s?: string | null | undefined;
  /** previous */
  p?: string | undefined;
  /** next */
  n?: string | undefined;
  /** durationMs */
  d?: number | undefined;
  /** 0: the one that was named last. */
  r?: Run | 0 | undefined;
  /** status */
  q?: JobStatus | undefined;
  /** patch */
  h?: string | undefined;
  /** extra */
  x?: Readonly<Record<string, unknown>> | undefined;
}

type WholeEvent = JobEvent & { readonly t?: undefined };

/** Filled again for each unit: new objects of so many fields cost more than their text. */
const SCRATCH: readonly Short[] = Array.from({ length: 16 }, emptied);
const scratchList: Short[] = [];

function emptied(): Short {
  return {
    t: "job_created",
    at: undefined,
    a: undefined,
    s: undefined,
    p: undefined,
    n: undefined,
    d: undefined,
    r: undefined,
    q: undefined,
    h: undefined,
    x: undefined,
  };
}

export function eventsText(events: readonly JobEvent[]): string {
  let before: JobEvent | undefined;
  let runner: JobEvent | undefined;
  for (const event of events) {
    const short = SCRATCH[scratchList.length] ?? emptied();
    short.t = event.type;
    const laterBy = before === undefined ? undefined : laterByOf(event.atMs, before.atMs);
    short.at = laterBy === undefined ? event.atMs : undefined;
    short.a = laterBy === 0 ? undefined : laterBy;
    short.s = event.state === before?.state ? undefined : (event.state ?? null);
    short.p = event.previous;
    short.n = event.next;
    short.d = event.durationMs;
    short.r = runOf(event, runner);
    short.q = event.status;
    short.h = event.patch;
    short.x = event.extra;
    if (short.r !== undefined) runner = event;
    before = event;
    scratchList.push(short);
  }
  try {
    return JSON.stringify(scratchList);
  } finally {
    emptyScratch();
  }
}

/** What was written may be large, and the next unit may be long in coming. */
function emptyScratch(): void {
  for (const short of scratchList) short.r = short.h = short.x = undefined;
  scratchList.length = 0;
}

/** Undefined: the sum would not be what it was. */
function laterByOf(atMs: number, beforeMs: number): number | undefined {
  const laterBy = atMs - beforeMs;
  return beforeMs + laterBy === atMs ? laterBy : undefined;
}

function runOf(event: JobEvent, last: JobEvent | undefined): Run | 0 | undefined {
  const { worker, taskId, attempt } = event;
  if (worker === undefined && taskId === undefined && attempt === undefined) return undefined;
  if (last !== undefined && last.worker === worker && last.taskId === taskId && last.attempt === attempt) return 0;
  return [worker ?? null, taskId ?? null, attempt ?? null];
}

export function eventsIn(text: string): readonly JobEvent[] {
  const stored = JSON.parse(text) as (Short | WholeEvent)[];
  let atMs = 0;
  let state: string | undefined;
  let run: Run = [null, null, null];
  return stored.map((event) => {
    if (event.t === undefined) return event;
    atMs = event.at ?? atMs + (event.a ?? 0);
    if (event.s !== undefined) state = event.s ?? undefined;
    if (event.r) run = event.r;
    return wholeOf(event, atMs, state, event.r === undefined ? undefined : run);
  });
}

function wholeOf(short: Short, atMs: number, state: string | undefined, run: Run | undefined): JobEvent {
  const [worker, taskId, attempt] = run ?? [];
  return {
    type: short.t,
    atMs,
    ...(state !== undefined && { state }),
    ...(short.p !== undefined && { previous: short.p }),
    ...(short.n !== undefined && { next: short.n }),
    ...(short.d !== undefined && { durationMs: short.d }),
    ...(typeof worker === "string" && { worker }),
    ...(typeof attempt === "number" && { attempt }),
    ...(typeof taskId === "string" && { taskId }),
    ...(short.q !== undefined && { status: short.q }),
    ...(short.h !== undefined && { patch: short.h }),
    ...(short.x !== undefined && { extra: short.x }),
  };
}
