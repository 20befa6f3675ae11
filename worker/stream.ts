/** Our own transport: one WebSocket, tasks down and results up, many frames in a message. */
import type { HeartbeatBody, ServerFrame } from "../src/protocol/worker.ts";
import type { Cancel } from "../src/system/clock.ts";
import type { System } from "../src/system/index.ts";
import { type Access, accessNow, asError, isWorthAnotherTry, refusalOf, socketOptions } from "./access.ts";
import type { ProgressUpdate } from "./contract.ts";
import { socketUrl } from "./endpoint.ts";
import { limitOther } from "./limit.ts";
import { type Frame, joinFrames, parseFrames } from "./frames.ts";
import { readTask } from "./payload.ts";
import {
  type Checkpoint,
  type Connection,
  type Hello,
  type Listener,
  NotServed,
  remarkOf,
  type Result,
  type TaskEvent,
  type Transport,
} from "./transport.ts";

const STREAM_PATH = "/_worker/stream";
const WELCOME_WAIT_MS = 10_000;
const CLOSE_WAIT_MS = 2000;
// Well below what a server takes in one message; a single larger result still goes alone.
const MESSAGE_CHARS_MAX = 256 * 1024;
// A connection on which a ping stays without answer for this long is dead, whatever the socket says.
export const SILENCE_MS = 10_000;
const NORMAL_CLOSE = 1000;
const POLICY_CLOSE = 1008;
const TOO_BIG_CLOSE = 1009;

export function createStreamTransport(system: System, access: Access, silenceMs = SILENCE_MS): Transport {
  return {
    name: "stream",
    connect: (hello, listener, signal) =>
      new StreamConnection(system, accessNow(access), listener, silenceMs).open(hello, signal),
  };
}

type Phase = "opening" | "open" | "closing" | "over";

class StreamConnection implements Connection {
  cancelled: readonly string[] = [];
  readonly serverCounts = true;
  heartbeatMs?: number;
  #phase: Phase = "opening";
  #socket: WebSocket | undefined;
  #frames: string[] = [];
  #flushScheduled = false;
  #failure: string | undefined;
  /** The largest result of those that went alone in their message. */
  #largest: { readonly seq: number; readonly chars: number } | undefined;
  #stopWaiting: Cancel | undefined;
  #stopListening: Cancel | undefined;
  #welcomed: (() => void) | undefined;
  #refused: ((error: Error) => void) | undefined;
  #gone: (() => void) | undefined;

  constructor(
    private readonly system: System,
    private readonly access: Access,
    private readonly listener: Listener,
    private readonly silenceMs: number,
  ) {}

  open(hello: Hello, signal: AbortSignal): Promise<Connection> {
    return new Promise<Connection>((resolve, reject) => {
      this.#welcomed = () => resolve(this);
      this.#refused = reject;
      const socket = new WebSocket(socketUrl(this.access.endpoint, STREAM_PATH), socketOptions(this.access));
      this.#socket = socket;
      socket.addEventListener("open", () => this.#push(helloFrame(hello)));
      socket.addEventListener("message", ({ data }) => this.#read(String(data)));
      socket.addEventListener("error", (event) => {
        this.#failure = "message" in event ? String(event.message) : "the connection broke";
      });
      socket.addEventListener("close", ({ code, reason }) => this.#ended(code, reason));
      socket.addEventListener("pong", () => this.#heard());
      this.#limitOpening(signal);
    });
  }

  result({ seq, jobId, taskId, body }: Result): void {
    // Ours come last: of two fields with one name the last counts, and a handler may return a `type` too.
    const head = body.slice(0, -1);
    const frame = `${head},"type":"result","seq":${seq},"job_id":${JSON.stringify(jobId)},"task_id":${JSON.stringify(taskId)}}`;
    if (frame.length > (this.#largest?.chars ?? MESSAGE_CHARS_MAX)) this.#largest = { seq, chars: frame.length };
    this.#push(frame);
  }

  heartbeat(body: HeartbeatBody): void {
    this.#push(JSON.stringify({ ...body, type: "heartbeat" }));
    this.probe();
  }

  probe(): void {
    if (this.#phase !== "open" || this.#stopListening) return;
    this.#socket?.ping();
    this.#stopListening = limitOther(this.system, this.silenceMs, () => this.#abandon("the orchestrator fell silent"));
  }

  async progress({ jobId, taskId, progress, message }: ProgressUpdate): Promise<void> {
    this.#push(JSON.stringify({ type: "progress", job_id: jobId, task_id: taskId, progress, message }));
  }

  async checkpoint({ jobId, taskId, value }: Checkpoint): Promise<void> {
    const head = JSON.stringify({ type: "checkpoint", job_id: jobId, task_id: taskId });
    this.#push(`${head.slice(0, -1)},"value":${value}}`);
  }

  event({ id, jobId, taskId, name, payload }: TaskEvent): void {
    const head = JSON.stringify({ type: "event", event_id: id, job_id: jobId, task_id: taskId, name });
    this.#push(`${head.slice(0, -1)},"payload":${payload}}`);
  }

  wants(): void {
    // The server knows the limits from the hello and counts by itself.
  }

  async drain(): Promise<void> {
    this.#push('{"type":"drain"}');
  }

  async release(taskIds: readonly string[]): Promise<boolean> {
    if (this.#phase !== "open") return false;
    this.#push(JSON.stringify({ type: "release", task_ids: taskIds }));
    return true;
  }

  async isCancelled(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    if (this.#phase === "over") return;
    this.#flush();
    this.#phase = "closing";
    const gone = new Promise<void>((resolve) => {
      this.#gone = resolve;
    });
    this.#socket?.close(NORMAL_CLOSE, "the worker stops");
    this.#stopWaiting = this.system.timers.after(CLOSE_WAIT_MS, () => this.#abandon("closed"));
    await gone;
  }

  #limitOpening(signal: AbortSignal): void {
    const giveUp = () => this.#abandon("closed");
    const late = () => this.#abandon(this.#failure ?? "the orchestrator did not answer the hello");
    const cancel = this.system.timers.after(WELCOME_WAIT_MS, late);
    signal.addEventListener("abort", giveUp);
    this.#stopWaiting = () => {
      cancel();
      signal.removeEventListener("abort", giveUp);
    };
  }

  #push(frame: string): void {
    if (this.#phase === "over") return;
    this.#frames.push(frame);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.system.scheduler.afterInput(() => this.#flush());
  }

  #flush(): void {
    this.#flushScheduled = false;
    const frames = this.#frames;
    if (frames.length === 0 || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#frames = [];
    for (const message of inMessages(frames)) this.#socket.send(message);
  }

  #heard(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  #read(text: string): void {
    if (this.#phase === "closing" || this.#phase === "over") return this.#readWhileClosing(text);
    const frames = parseFrames(text);
    if (!frames) return this.#abandon("the orchestrator sent what is no array of frames");
    this.#heard();
    for (const frame of frames) this.#take(frame);
  }

  /** Results that are acknowledged at the last moment need not be counted as lost. */
  #readWhileClosing(text: string): void {
    for (const frame of parseFrames(text) ?? []) if (frame.type === "ack") this.#acknowledged(frame);
  }

  #take(frame: Frame): void {
    const kind = frame.type as ServerFrame["type"];
    switch (kind) {
      case "task":
        return this.#task(frame);
      case "ack":
        return this.#acknowledged(frame);
      case "event_ack":
        return this.#eventAcknowledged(frame);
      case "cancel":
        return this.listener.cancel(String(frame["task_id"]));
      case "welcome":
        return this.#welcome(frame);
      case "error":
        return this.#error(frame);
      default:
        kind satisfies never;
        this.system.log.debug("a frame of a type that this worker does not know", { type: frame.type });
    }
  }

  #task(frame: Frame): void {
    const payload = readTask(frame["task"]);
    if (payload) this.listener.task(payload);
    else this.system.log.error("the orchestrator sent a task without job_id, task_id or type", { frame });
  }

  #acknowledged(frame: Frame): void {
    const { seq, status } = frame;
    if (typeof seq !== "number") return;
    if (status === "retry") return this.listener.postponed(seq, String(frame["message"] ?? ""));
    this.listener.settled(seq, remarkOf(frame));
  }

  #eventAcknowledged({ event_id: id, status, code, message }: Frame): void {
    if (typeof id !== "string") return;
    if (status === "retry") return this.listener.eventPostponed(id);
    const isRefused = status === "error";
    this.listener.eventAnswered(id, isRefused ? { code: String(code), message: String(message) } : undefined);
  }

  #welcome(frame: Frame): void {
    if (this.#phase !== "opening") return;
    const { cancelled, heartbeat_seconds: seconds } = frame;
    if (Array.isArray(cancelled)) this.cancelled = cancelled.map(String);
    if (typeof seconds === "number" && seconds > 0) this.heartbeatMs = seconds * 1000;
    this.#stopWaiting?.();
    this.#phase = "open";
    this.#welcomed?.();
  }

  #error(frame: Frame): void {
    const sentence = String(frame["message"] ?? "");
    this.system.log.error("the orchestrator reports an error", { code: frame["code"], reason: sentence });
    if (this.#phase === "opening") this.#failure = sentence;
  }

  #ended(code: number, reason: string): void {
    const before = this.#phase;
    if (before === "over") return;
    this.#leave();
    if (code === TOO_BIG_CLOSE && this.#largest) this.listener.tooLarge(this.#largest.seq);
    if (before === "opening") this.#refused?.(this.#connectFailure(code, reason));
    if (before === "open")
      this.listener.lost(this.#failure ?? (reason || `the connection was closed with code ${code}`));
  }

  #connectFailure(code: number, reason: string): Error {
    // A server that takes the token and not the worker's id says so once it has read the hello.
    if (code === POLICY_CLOSE) return asError(refusalOf(this.access, 403, reason));
    const status = upgradeStatus(this.#failure ?? "");
    if (status === undefined)
      return new Error(this.#failure ?? (reason || `the connection was closed with code ${code}`));
    if (status === 404 || status === 426) return new NotServed("this server has no stream for workers");
    if (isWorthAnotherTry(status)) return new Error(`the orchestrator answered with status ${status}`);
    return asError(refusalOf(this.access, status, ""));
  }

  /** Does not wait for the other side. */
  #abandon(reason: string): void {
    const before = this.#phase;
    if (before === "over") return;
    this.#leave();
    this.#socket?.terminate();
    if (before === "opening") this.#refused?.(new Error(reason));
    if (before === "open") this.listener.lost(reason);
  }

  #leave(): void {
    this.#phase = "over";
    this.#frames = [];
    this.#stopWaiting?.();
    this.#stopListening?.();
    this.#gone?.();
  }
}

function helloFrame({ session, registration, running }: Hello): string {
  return JSON.stringify({ type: "hello", session, registration, running });
}

function inMessages(frames: readonly string[]): string[] {
  const messages: string[] = [];
  let batch: string[] = [];
  let chars = 0;
  for (const frame of frames) {
    if (batch.length > 0 && chars + frame.length > MESSAGE_CHARS_MAX) {
      messages.push(joinFrames(batch));
      batch = [];
      chars = 0;
    }
    batch.push(frame);
    chars += frame.length;
  }
  messages.push(joinFrames(batch));
  return messages;
}

/** The client tells the status of a refused upgrade in the text of its error alone. */
function upgradeStatus(text: string): number | undefined {
  const found = /101 status code: (\d{3})/.exec(text);
  return found ? Number(found[1]) : undefined;
}
