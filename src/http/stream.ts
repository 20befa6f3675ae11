/** Our own stream, `/_worker/stream`: tasks go down and results come up, many in a message. */
import type { WorkerLink, Workers } from "../../actors/orchestrator.ts";
import type { SignatureCheck } from "../access/message-signatures.ts";
import { identityOf, type WorkerGrant } from "../access/access.ts";
import { readFrame } from "../protocol/frames.ts";
import { type Flaw, findFlaw, isObject, parseShallow } from "../protocol/json.ts";
import { mayBeSigned, readWritten } from "../protocol/signed.ts";
import { progressMessage } from "../protocol/progress.ts";
import { readResult } from "../protocol/result.ts";
import type { ResultAnswer, ServerFrame, WorkerFrame } from "../protocol/worker.ts";
import type { WorkerEventAnswer } from "../protocol/worker-event.ts";
import { assertNever, type JsonMap, type JsonValue, messageOf, Refusal } from "../system/errors.ts";
import type { Scheduler } from "../system/clock.ts";
import type { Log } from "../system/log.ts";
import type { Connections, Session, Wire } from "./connections.ts";
import { answerToMissing } from "./worker.ts";

export interface StreamOptions {
  readonly workers: Workers;
  readonly connections: Pick<Connections, "claim" | "unclaim">;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly heartbeatSeconds: number;
  readonly signatures: SignatureCheck;
}

const POLICY = 1008;
const TRY_AGAIN = 1013;
/** Frames that may come before the engine has taken the connection. */
const EARLY_FRAMES_MAX = 10_000;

export function createStreamSession(options: StreamOptions, grant: WorkerGrant): Session {
  return new StreamSession(options, grant);
}

type Frame<Type extends WorkerFrame["type"]> = Extract<WorkerFrame, { type: Type }>;
type Hello = Frame<"hello">;

interface Joined {
  readonly workerId: string;
  readonly key: string;
  readonly link: WorkerLink;
}

class StreamSession implements Session {
  readonly #options: StreamOptions;
  readonly #grant: WorkerGrant;
  #wire: Wire | undefined;
  #joined: Joined | undefined;
  /** Held back while the engine takes the connection. */
  #early: { readonly frame: WorkerFrame; readonly flaw: Flaw | undefined }[] | undefined;
  /** Pieces of the next message: joined once, so that no text of a task is copied on its way. */
  #outgoing: (string | number)[] = [];

  constructor(options: StreamOptions, grant: WorkerGrant) {
    this.#options = options;
    this.#grant = grant;
  }

  opened(wire: Wire): void {
    this.#wire = wire;
  }

  message(text: string): void {
    const frames = this.#parse(text);
    if (frames === undefined || this.#refusesRegistration(text)) return;
    const flaw = findFlaw(text);
    for (const value of frames) {
      // Rare: then each frame is looked at alone, so that a bad one costs only itself.
      const own = flaw === undefined ? undefined : findFlaw(JSON.stringify(value));
      this.#take(value, own ?? (frames.length === 1 ? flaw : undefined));
    }
  }

  get workerId(): string | undefined {
    return this.#joined?.workerId;
  }

  isAdmitted(): boolean {
    return this.#grant.admits(this.#joined?.workerId);
  }

  closed(): void {
    const wire = this.#wire;
    this.#wire = undefined;
    this.#outgoing = [];
    const joined = this.#joined;
    this.#joined = undefined;
    if (joined === undefined) return;
    this.#options.workers.disconnect(joined.workerId, joined.link);
    if (wire !== undefined) this.#options.connections.unclaim(joined.key, wire);
  }

  #parse(text: string): readonly JsonValue[] | undefined {
    try {
      const value = parseShallow(text);
      if (Array.isArray(value)) return value;
      this.#complain("BAD_MESSAGE", "A message must be a JSON array of frames.");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const isNoJson = error.code === "INVALID_JSON";
      this.#complain(error.code, isNoJson ? "The message is no JSON: send a JSON array of frames." : error.message);
    }
    return undefined;
  }

  #take(value: JsonValue, flaw: Flaw | undefined): void {
    const frame = readFrame(value);
    if (typeof frame === "string") return this.#complain("BAD_FRAME", frame);
    if (flaw !== undefined && frame.type === "event") {
      const { code, message } = flaw;
      return void this.#push({ type: "event_ack", event_id: frame.event_id, status: "error", code, message });
    }
    if (flaw !== undefined && frame.type !== "result") return this.#complain(flaw.code, flaw.message);
    if (this.#joined === undefined) return this.#takeEarly(frame);
    if (this.#early === undefined) return this.#handle(frame, this.#joined, flaw);
    if (this.#early.length < EARLY_FRAMES_MAX) this.#early.push({ frame, flaw });
    else this.#wire?.close(TRY_AGAIN, "TOO_MANY_FRAMES: wait for the welcome");
  }

  #takeEarly(frame: WorkerFrame): void {
    if (frame.type === "hello") this.#join(frame);
    else this.#complain("HELLO_FIRST", "The first frame of a connection must be a hello.");
  }

  #join(hello: Hello): void {
    const wire = this.#wire;
    if (wire === undefined) return;
    const workerId = hello.registration.worker_id;
    if (this.#refusesIdentity(workerId, wire)) return;
    const joined = { workerId, key: `stream ${workerId} ${hello.session}`, link: this.#link(wire) };
    this.#joined = joined;
    this.#early = [];
    this.#options.connections.claim(joined.key, wire);
    void this.#welcome(hello, joined, wire);
  }

  /** The one message of the stream that workers also send elsewhere, and may have signed. */
  #refusesRegistration(text: string): boolean {
    if (this.#joined !== undefined || !mayBeSigned(text)) return false;
    const frames = readWritten(text);
    const hello: unknown = Array.isArray(frames) ? frames[0] : undefined;
    const registration = isObject(hello) ? hello["registration"] : undefined;
    if (!isObject(registration)) return false;
    const { worker_id: workerId } = registration;
    try {
      this.#options.signatures.message(registration, typeof workerId === "string" ? workerId : undefined);
      return false;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#complain(error.code, error.message);
      this.#flush();
      this.#wire?.close(POLICY, error.code);
      return true;
    }
  }

  #refusesIdentity(workerId: string, wire: Wire): boolean {
    try {
      identityOf(this.#grant, workerId);
      return false;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      wire.close(POLICY, error.code);
      return true;
    }
  }

  async #welcome(hello: Hello, joined: Joined, wire: Wire): Promise<void> {
    const { session, registration, running } = hello;
    try {
      const { cancelled } = await this.#options.workers.connect(joined.workerId, joined.link, {
        session,
        registration,
        running,
      });
      const heartbeat_seconds = this.#options.heartbeatSeconds;
      this.#push({ type: "welcome", protocol: 1, worker_id: joined.workerId, heartbeat_seconds, cancelled });
      this.#takeHeldBack(joined);
    } catch (error) {
      this.#options.log.warn("a worker's stream was not taken", { worker: joined.workerId, error: messageOf(error) });
      wire.close(TRY_AGAIN, error instanceof Refusal ? error.code : "INTERNAL");
    }
  }

  #takeHeldBack(joined: Joined): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    if (this.#joined !== joined) return;
    for (const { frame, flaw } of early) this.#handle(frame, joined, flaw);
  }

  #link(wire: Wire): WorkerLink {
    const isOpen = () => this.#wire === wire;
    return {
      kind: "stream",
      task: (payload) => isOpen() && this.#sendTask(payload),
      cancel: (job_id, task_id) => isOpen() && this.#push({ type: "cancel", job_id, task_id }),
      close: (code, reason) => wire.close(code, reason),
    };
  }

  #handle(frame: WorkerFrame, { workerId, link }: Joined, flaw: Flaw | undefined): void {
    const { workers } = this.#options;
    switch (frame.type) {
      case "result":
        return void this.#acknowledge(frame, workerId, flaw);
      case "progress": {
        const { job_id: jobId, task_id: taskId, progress, message } = frame;
        const said = message === undefined ? {} : { message: progressMessage(message) };
        return workers.progress(workerId, { jobId, taskId, progress, ...said });
      }
      case "checkpoint": {
        const { job_id: jobId, task_id: taskId, value } = frame;
        return workers.checkpoint(workerId, { jobId, taskId, value: JSON.stringify(value) });
      }
      case "event":
        return void this.#takeEvent(frame, workerId);
      case "heartbeat": {
        const { type: _, ...body } = frame;
        return this.#watch(workers.heartbeat(workerId, body, link));
      }
      case "drain":
        return workers.drainLink(workerId, link);
      case "release":
        return workers.release(workerId, frame.task_ids);
      case "hello":
        return this.#complain("HELLO_AGAIN", "A connection says hello once: open another one.");
      default:
        return assertNever(frame);
    }
  }

  async #acknowledge(frame: Frame<"result">, workerId: string, flaw: Flaw | undefined): Promise<void> {
    const { seq } = frame;
    try {
      const result = readResult(frame as unknown as JsonMap, workerId, flaw);
      this.#sendAck(seq, await this.#options.workers.result(result));
    } catch (error) {
      this.#push({ type: "ack", seq, ...(answerToMissing(error) ?? this.#again(error, workerId)) });
    }
  }

  #again(error: unknown, worker: string): { readonly status: "retry"; readonly message: string } {
    if (error instanceof Refusal) return { status: "retry", message: error.message };
    this.#options.log.error("a result was not taken", { worker, error: messageOf(error) });
    return { status: "retry", message: "Something went wrong inside the server: send it again." };
  }

  async #takeEvent(frame: Frame<"event">, workerId: string): Promise<void> {
    const { event_id, job_id: jobId, task_id: taskId, name } = frame;
    const event = { jobId, taskId, name, payload: JSON.stringify(frame.payload), id: event_id };
    try {
      this.#push({ type: "event_ack", event_id, ...(await this.#options.workers.event(workerId, event)) });
    } catch (error) {
      if (!(error instanceof Refusal))
        this.#options.log.error("an event was not taken", { worker: workerId, error: messageOf(error) });
      this.#push({ type: "event_ack", event_id, ...notTaken(error) });
    }
  }

  #watch(promise: Promise<unknown>): void {
    promise.catch((error: unknown) => {
      if (error instanceof Refusal) return this.#complain(error.code, error.message);
      this.#options.log.error("a frame was not handled", { error: messageOf(error) });
      this.#complain("INTERNAL", "Something went wrong inside the server.");
    });
  }

  #complain(code: string, message: string): void {
    this.#push({ type: "error", code, message });
  }

  #push(frame: ServerFrame): boolean {
    const text = JSON.stringify(frame);
    if (!this.#begin()) return false;
    this.#outgoing.push(text);
    return true;
  }

  #sendTask(payload: string): boolean {
    if (!this.#begin()) return false;
    this.#outgoing.push('{"type":"task","task":', payload, "}");
    return true;
  }

  /** Most of them say only that it was taken. */
  #sendAck(seq: number, answer: ResultAnswer): void {
    if ("message" in answer) this.#push({ type: "ack", seq, ...answer });
    else if (this.#begin()) this.#outgoing.push('{"type":"ack","seq":', seq, ',"status":"', answer.status, '"}');
  }

  /** All that one turn of the program has to say goes in one message. False: there is nobody to hear it. */
  #begin(): boolean {
    if (this.#wire === undefined) return false;
    const isFirst = this.#outgoing.length === 0;
    this.#outgoing.push(isFirst ? "[" : ",");
    if (isFirst) this.#options.scheduler.afterInput(() => this.#flush());
    return true;
  }

  #flush(): void {
    const pieces = this.#outgoing;
    if (pieces.length === 0) return;
    this.#outgoing = [];
    pieces.push("]");
    this.#wire?.send(pieces.join(""));
  }
}

/** What is busy takes it later; what refuses it now refuses it then as well. */
function notTaken(error: unknown): WorkerEventAnswer | { readonly status: "retry"; readonly message: string } {
  if (!(error instanceof Refusal)) {
    return { status: "retry", message: "Something went wrong inside the server: send it again." };
  }
  const { code, message, status } = error;
  return status < 500 && status !== 429 ? { status: "error", code, message } : { status: "retry", message };
}
