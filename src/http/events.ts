/**
 * A job, live, as server-sent events (wire contract, rule 28). Nothing is queued for a reader:
 * a change only marks that there is something, and a reader that is ready takes the next page.
 */
import type { JobChange, Jobs, Viewer } from "../../actors/orchestrator.ts";
import { type HistoryEvent, lastSequenceOf } from "../job/history.ts";
import { eventFacts } from "../job/event-facts.ts";
import { isTerminal, type JobStatus } from "../job/model.ts";
import { messageOf } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import type { Timers } from "../system/clock.ts";
import type { Parked } from "./parking.ts";

const PAGE = 100;
/** Tasks whose newest progress is kept for a reader that is behind. */
const PROGRESS_MAX = 1000;
/** Tasks whose hand-out a reader remembers; of more, progress is told as it comes. */
const HANDED_OUT_MAX = 10_000;

export interface EventStreamOptions {
  readonly jobs: Jobs;
  readonly timers: Timers;
  readonly log: Log;
  readonly viewer: Viewer;
  readonly id: string;
  readonly afterSequence: number;
  readonly commentMs: number;
  readonly parked: Parked;
}

type Progress = Extract<JobChange, { type: "progress" }>;

/** Reads the job before it answers, so that a job that is not there is a 404 and no empty stream. */
export async function openEventStream(options: EventStreamOptions): Promise<Response> {
  const reader = new EventReader(options);
  try {
    await reader.open();
  } catch (error) {
    reader.close();
    throw error;
  }
  const body = new ReadableStream<Uint8Array>(
    { pull: (controller) => reader.pull(controller), cancel: () => reader.close() },
    { highWaterMark: 1 },
  );
  const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" };
  return new Response(body, { headers });
}

class EventReader {
  readonly #options: EventStreamOptions;
  readonly #progress = new Map<string, Progress>();
  /** Hand-outs that were told, or are older than the stream: progress before its hand-out would make no sense. */
  readonly #handedOut = new Set<string>();
  readonly #encoder = new TextEncoder();
  #unwatch: () => void = () => undefined;
  #wake: () => void = () => undefined;
  #sequence: number;
  /** Progress after it was told live, and is not told again when it is written. */
  #liveAfter = 0;
  #hasChanged = true;
  #version = 0;
  #status: JobStatus = "pending";
  #isClosed = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#sequence = options.afterSequence;
  }

  async open(): Promise<void> {
    const { jobs, viewer, id, parked } = this.#options;
    // Before the read: what is committed meanwhile is in it, or has been announced.
    this.#unwatch = jobs.watch(id, (change) => this.#changed(change));
    parked.signal.addEventListener("abort", () => this.close(), { once: true });
    const { job, tasks } = await jobs.read(viewer, id);
    this.#learn(job.version, job.status);
    this.#liveAfter = lastSequenceOf(job.version);
    for (const { wait } of tasks) if (wait.delivery) this.#handedOut.add(wait.delivery.taskId);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unwatch();
    this.#options.parked.leave();
    this.#wake();
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const text = await this.#next();
      if (text !== "") controller.enqueue(this.#encoder.encode(text));
    } catch (error) {
      this.#options.log.warn("an event stream ended early", { job: this.#options.id, error: messageOf(error) });
      this.close();
    }
    if (this.#isClosed) controller.close();
  }

  /** What was read may be older than what has been announced since. */
  #learn(version: number, status: JobStatus): void {
    if (version < this.#version) return;
    this.#version = version;
    this.#status = status;
  }

  #changed(change: JobChange): void {
    if (change.type === "committed") {
      this.#learn(change.version, change.status);
      this.#hasChanged = true;
    } else if (this.#progress.size < PROGRESS_MAX || this.#progress.has(change.taskId)) {
      this.#progress.set(change.taskId, change);
    }
    this.#wake();
  }

  /** The next piece of text: waits for one; empty when the stream is over. */
  async #next(): Promise<string> {
    while (!this.#isClosed) {
      const text = (await this.#committed()) || this.#takeProgress();
      if (text !== "") return text;
      if (isTerminal(this.#status) && !this.#hasChanged) return this.#end();
      if (this.#hasChanged || this.#hasProgress()) continue;
      if (await this.#isQuiet()) return ": still here\n\n";
    }
    return "";
  }

  async #committed(): Promise<string> {
    if (!this.#hasChanged || this.#isClosed) return "";
    const { jobs, viewer, id } = this.#options;
    this.#hasChanged = false;
    const events = await jobs.history(viewer, id, this.#sequence, PAGE);
    // A full page may have a next one.
    if (events.length === PAGE) this.#hasChanged = true;
    this.#sequence = events.at(-1)?.sequence ?? this.#sequence;
    for (const { event_type: type, context_snapshot: snapshot } of events) {
      if (type === "task_dispatched") this.#rememberHandOut(eventFacts(type, snapshot).task_id);
    }
    const told = events.filter((event) => event.event_type !== "progress" || event.sequence <= this.#liveAfter);
    return told.map(eventText).join("");
  }

  #takeProgress(): string {
    let text = "";
    for (const { taskId, progress, message, atMs } of this.#progress.values()) {
      if (!this.#isHandedOut(taskId)) continue;
      this.#progress.delete(taskId);
      const timestamp = new Date(atMs).toISOString();
      const data = { task_id: taskId, progress, message: message ?? null, timestamp };
      text += `event: progress\ndata: ${JSON.stringify(data)}\n\n`;
    }
    return text;
  }

  #hasProgress(): boolean {
    return this.#progress.keys().some((taskId) => this.#isHandedOut(taskId));
  }

  #isHandedOut(taskId: string): boolean {
    return this.#handedOut.has(taskId) || this.#handedOut.size >= HANDED_OUT_MAX;
  }

  #rememberHandOut(taskId: string | undefined): void {
    if (taskId !== undefined && this.#handedOut.size < HANDED_OUT_MAX) this.#handedOut.add(taskId);
  }

  #end(): string {
    this.close();
    return `event: end\ndata: ${JSON.stringify({ job_id: this.#options.id, status: this.#status })}\n\n`;
  }

  /** True when nothing happened for as long as a proxy may need a sign of life. */
  #isQuiet(): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(this.#options.commentMs, () => resolve(true));
      this.#wake = () => {
        cancel();
        resolve(false);
      };
    });
  }
}

function eventText(event: HistoryEvent): string {
  const { context_snapshot: snapshot, ...rest } = event;
  const data = { ...rest, ...eventFacts(event.event_type, snapshot) };
  return `id: ${event.sequence}\nevent: ${event.event_type}\ndata: ${JSON.stringify(data)}\n\n`;
}
