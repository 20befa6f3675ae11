/** The HTTP exchange of the wire contract: register, long polls, heartbeats, results one by one. */
import { CALLER_HEADER, callerText, PROCESS_FIELD } from "../src/protocol/process.ts";
import type { HeartbeatBody } from "../src/protocol/worker.ts";
import { messageOf, type Refusal } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import { type Access, accessNow, asError, isWorthAnotherTry, refusalOf } from "./access.ts";
import { CancelSocket } from "./cancel-socket.ts";
import type { ProgressUpdate } from "./contract.ts";
import { type Answer, HttpClient } from "./http-client.ts";
import { Lanes } from "./lanes.ts";
import { readTask } from "./payload.ts";
import {
  type Checkpoint,
  type Connection,
  type Listener,
  remarkOf,
  type Result,
  type TaskEvent,
  type Transport,
} from "./transport.ts";

const REQUEST_TIMEOUT_MS = 30_000;
// The server holds a poll for its own time; ours has to outlast it.
const POLL_MARGIN_MS = 5000;
const POLLS_MAX = 64;
const HEARTBEAT_MS_MIN = 100;
const RESULTS_AT_ONCE_MAX = 16;
// A task that was given out before the server knew of the drain may still be on its way; lost, it would wait for its lease.
const LAST_TASK_WAIT_MS = 100;
// An empty answer that comes sooner than this is no long poll: asking again at once would hammer.
const QUICK_ANSWER_MS = 1000;
const QUICK_PAUSE_MS_MAX = 1000;

export interface PollSettings {
  readonly pollTimeoutMs: number;
  readonly pollErrorDelayMs: number;
  readonly idlePollDelayMs: number;
  readonly websockets: boolean;
  /** How long the orchestrator may leave a probe without an answer. */
  readonly silenceMs?: number | undefined;
}

export function createPollTransport(system: System, access: Access, settings: PollSettings): Transport {
  return {
    name: "poll",
    async connect(hello, listener, signal) {
      const { session, connection, registration, running } = hello;
      const client = new HttpClient(system, accessNow(access), { [CALLER_HEADER]: callerText(hello) });
      const json = JSON.stringify({ ...registration, [PROCESS_FIELD]: { session, connection, running } });
      const limits = { timeoutMs: REQUEST_TIMEOUT_MS, signal };
      const answer = await client.send("POST", "/_worker/workers/register", json, limits);
      if (answer.status !== 200) throw failureOf(client.access, answer);
      return new PollConnection(system, client, settings, listener, answer);
    },
  };
}

class PollConnection implements Connection {
  /** Older orchestrators tell them with the heartbeat alone. */
  readonly cancelled: readonly string[];
  readonly heartbeatMs?: number;
  /** Older ones put tasks into a queue for each worker, as long as it is not busy. */
  readonly serverCounts = false;
  readonly #base: string;
  readonly #end = new AbortController();
  readonly #polls = new AbortController();
  readonly #results: Lanes<Result>;
  /** Of each task the events that have no answer yet: the next must not overtake them. */
  readonly #eventsOfTask = new Map<string, Promise<unknown>>();
  readonly #socket: CancelSocket | undefined;
  #over = false;
  #draining = false;
  #parked = 0;
  #free = 0;
  #paused = false;
  #quickAnswers = 0;
  #beating = false;
  #probing = false;
  #nextBeat: HeartbeatBody | undefined;

  constructor(
    private readonly system: System,
    private readonly client: HttpClient,
    private readonly settings: PollSettings,
    private readonly listener: Listener,
    { body }: Answer,
  ) {
    this.cancelled = cancelledIn(body);
    const { heartbeat_seconds: seconds } = body;
    if (typeof seconds === "number" && seconds > 0) this.heartbeatMs = Math.max(seconds * 1000, HEARTBEAT_MS_MIN);
    this.#base = `/_worker/workers/${encodeURIComponent(client.access.workerId)}`;
    this.#results = new Lanes(RESULTS_AT_ONCE_MAX, (result) => this.#sendResult(result));
    if (settings.websockets) {
      this.#socket = new CancelSocket(system, client.access, (taskId) => listener.cancel(taskId));
      this.#socket.open();
    }
  }

  result(result: Result): void {
    this.#results.add(result);
  }

  heartbeat(body: HeartbeatBody): void {
    this.#nextBeat = body;
    if (!this.#beating) void this.#beat();
  }

  probe(): void {
    if (this.#probing || this.#over) return;
    this.#probing = true;
    void this.#ask().finally(() => {
      this.#probing = false;
    });
  }

  async progress({ taskId, jobId, progress, message }: ProgressUpdate): Promise<void> {
    const fields = { task_id: taskId, job_id: jobId, progress, message };
    if (this.#socket?.send({ event: "progress_update", type: "progress_update", ...fields })) return;
    await this.#event("progress", taskId, jobId, { progress, message });
  }

  async checkpoint({ taskId, jobId, value }: Checkpoint): Promise<void> {
    await this.#event("checkpoint", taskId, jobId, { value: JSON.parse(value) });
  }

  event(event: TaskEvent): void {
    const { taskId } = event;
    const before = this.#eventsOfTask.get(taskId);
    const sending: Promise<void> = Promise.resolve(before)
      .then(() => this.#sendEvent(event))
      .finally(() => {
        if (this.#eventsOfTask.get(taskId) === sending) this.#eventsOfTask.delete(taskId);
      });
    this.#eventsOfTask.set(taskId, sending);
  }

  wants(freeSlots: number): void {
    this.#free = freeSlots;
    this.#fill();
  }

  /** The polls end once the server knows that it must not answer them with a task any more. */
  async drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    await this.#tell("PATCH", this.#base, { status: "draining" });
    await new Promise<void>((resolve) => this.system.timers.after(LAST_TASK_WAIT_MS, resolve));
    this.#polls.abort();
  }

  async release(taskIds: readonly string[]): Promise<boolean> {
    const body = { worker_id: this.client.access.workerId, task_ids: taskIds };
    return await this.#tell("POST", "/_worker/tasks/release", body);
  }

  async isCancelled(taskId: string): Promise<boolean | undefined> {
    if (this.#socket?.isOpen) return undefined;
    const path = `/_worker/tasks/${encodeURIComponent(taskId)}/cancellation`;
    try {
      const answer = await this.client.send("GET", path, undefined, this.#limits());
      return answer.status === 200 ? answer.body["cancelled"] === true : undefined;
    } catch (error) {
      // The heartbeat's answer tells of a cancellation as well, only later.
      this.system.log.debug("the orchestrator could not be asked about a cancellation", { reason: messageOf(error) });
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#stop();
  }

  #limits() {
    return { timeoutMs: REQUEST_TIMEOUT_MS, signal: this.#end.signal };
  }

  #stop(): void {
    this.#over = true;
    this.#polls.abort();
    this.#end.abort();
    this.#socket?.close();
  }

  #lose(reason: string | Refusal): void {
    if (this.#over) return;
    this.#stop();
    this.listener.lost(reason);
  }

  #fill(): void {
    while (!this.#over && !this.#draining && !this.#paused && this.#parked < Math.min(this.#free, POLLS_MAX)) {
      this.#parked += 1;
      void this.#poll();
    }
  }

  async #poll(): Promise<void> {
    const beganMs = this.system.clock.monotonicMs();
    const limits = { timeoutMs: this.settings.pollTimeoutMs + POLL_MARGIN_MS, signal: this.#polls.signal };
    try {
      const answer = await this.client.send("GET", `${this.#base}/tasks/next`, undefined, limits);
      this.#parked -= 1;
      this.#polled(answer, this.system.clock.monotonicMs() - beganMs);
    } catch (error) {
      this.#parked -= 1;
      if (!this.#draining) this.#lose(messageOf(error));
    }
  }

  #polled(answer: Answer, tookMs: number): void {
    if (this.#over) return;
    switch (answer.status) {
      case 200:
        return this.#task(answer);
      case 204:
        return this.#pauseAfterEmpty(tookMs);
      case 429:
        return this.#pause(answer.retryAfterMs ?? this.settings.pollErrorDelayMs);
      case 404:
        return this.#lose("the orchestrator does not know this worker any more");
      default:
        return this.#lose(reasonOf(this.client.access, answer));
    }
  }

  #task(answer: Answer): void {
    this.#quickAnswers = 0;
    const payload = readTask(answer.body);
    if (payload) {
      this.listener.task(payload);
    } else {
      this.system.log.error("the orchestrator sent a task without job_id, task_id or type", { task: answer.body });
      this.#pause(this.settings.pollErrorDelayMs);
    }
    this.#fill();
  }

  #pauseAfterEmpty(tookMs: number): void {
    const isQuick = tookMs < QUICK_ANSWER_MS;
    this.#quickAnswers = isQuick ? this.#quickAnswers + 1 : 0;
    const delayMs = this.settings.idlePollDelayMs * 2 ** Math.min(this.#quickAnswers, 10);
    this.#pause(Math.min(delayMs, QUICK_PAUSE_MS_MAX));
  }

  #pause(delayMs: number): void {
    if (this.#paused) return;
    this.#paused = true;
    this.system.timers.after(delayMs, () => {
      this.#paused = false;
      this.#fill();
    });
  }

  async #sendResult(result: Result): Promise<void> {
    if (this.#over) return;
    const { jobId, taskId, seq } = result;
    const ours = JSON.stringify({ job_id: jobId, task_id: taskId, worker_id: this.client.access.workerId });
    const json = `${result.body.slice(0, -1)},${ours.slice(1)}`;
    try {
      this.#answered(seq, await this.client.send("POST", "/_worker/tasks/result", json, this.#limits()));
    } catch (error) {
      this.#lose(messageOf(error));
    }
  }

  #answered(seq: number, { status, body, sentence }: Answer): void {
    if (status === 200) {
      this.listener.settled(seq, remarkOf(body));
    } else if (isWorthAnotherTry(status)) {
      this.listener.postponed(seq, `status ${status}`);
    } else if (status === 413) {
      this.listener.tooLarge(seq);
    } else if (status === 401 || status === 403) {
      this.#lose(refusalOf(this.client.access, status, sentence));
    } else {
      this.system.log.error("the orchestrator refuses a result for good", { seq, status, reason: sentence });
      this.listener.settled(seq);
    }
  }

  async #beat(): Promise<void> {
    this.#beating = true;
    while (this.#nextBeat && !this.#over) {
      const body = this.#nextBeat;
      this.#nextBeat = undefined;
      try {
        this.#beaten(await this.client.send("PATCH", this.#base, JSON.stringify(body), this.#limits()));
      } catch (error) {
        this.#lose(messageOf(error));
      }
    }
    this.#beating = false;
  }

  /** A heartbeat without a body says no more than that both are there. */
  async #ask(): Promise<void> {
    const limits = { timeoutMs: this.settings.silenceMs ?? REQUEST_TIMEOUT_MS, signal: this.#end.signal };
    try {
      this.#beaten(await this.client.send("PATCH", this.#base, undefined, limits));
    } catch (error) {
      this.#lose(messageOf(error));
    }
  }

  #beaten(answer: Answer): void {
    if (answer.status === 404) return this.#lose("the orchestrator does not know this worker any more");
    if (answer.status === 401 || answer.status === 403) return this.#lose(reasonOf(this.client.access, answer));
    for (const id of cancelledIn(answer.body)) this.listener.cancel(id);
    if (answer.body["require_full_sync"] === true) this.#lose("the orchestrator asked for a new registration");
  }

  async #sendEvent({ id, name, taskId, jobId, payload }: TaskEvent): Promise<void> {
    if (this.#over) return;
    const json = JSON.stringify(this.#eventBody(id, name, taskId, jobId, JSON.parse(payload) as object));
    try {
      this.#eventSent(id, await this.client.send("POST", "/_worker/events", json, this.#limits()));
    } catch (error) {
      this.#lose(messageOf(error));
    }
  }

  #eventSent(id: string, answer: Answer): void {
    const { status, body, sentence } = answer;
    if (status === 200) {
      const isRefused = body["status"] === "error";
      const refusal = { code: String(body["code"] ?? "EVENT_REFUSED"), message: String(body["message"] ?? "") };
      return this.listener.eventAnswered(id, isRefused ? refusal : undefined);
    }
    if (isWorthAnotherTry(status)) return this.listener.eventPostponed(id);
    if (status === 401 || status === 403) return this.#lose(refusalOf(this.client.access, status, sentence));
    const message = status === 404 ? "This orchestrator takes no events." : sentence;
    this.listener.eventAnswered(id, { code: String(body["code"] ?? `STATUS_${status}`), message });
  }

  async #event(type: string, taskId: string, jobId: string, payload: object): Promise<void> {
    await this.#tell(
      "POST",
      "/_worker/events",
      this.#eventBody(this.system.ids.unique(), type, taskId, jobId, payload),
    );
  }

  #eventBody(id: string, type: string, taskId: string, jobId: string, payload: object): object {
    const worker_id = this.client.access.workerId;
    return {
      event_id: id,
      worker_id,
      origin_worker_id: worker_id,
      event_type: type,
      payload,
      target_job_id: jobId,
      target_task_id: taskId,
    };
  }

  /** For what is worth telling and not worth a failure. */
  async #tell(method: string, path: string, body: object): Promise<boolean> {
    try {
      const { status, sentence } = await this.client.send(method, path, JSON.stringify(body), this.#limits());
      if (status < 300) return true;
      this.system.log.warn("the orchestrator did not take a message", { path, status, reason: sentence });
      return !isWorthAnotherTry(status);
    } catch (error) {
      this.system.log.debug("a message did not reach the orchestrator", { path, reason: messageOf(error) });
      return false;
    }
  }
}

function cancelledIn({ cancel_task_ids: cancelled }: Answer["body"]): readonly string[] {
  return Array.isArray(cancelled) ? cancelled.map(String) : [];
}

function reasonOf(access: Access, answer: Answer): string | Refusal {
  if (isWorthAnotherTry(answer.status)) return `the orchestrator answered with status ${answer.status}`;
  return refusalOf(access, answer.status, answer.sentence);
}

function failureOf(access: Access, answer: Answer): Error {
  return asError(reasonOf(access, answer));
}
