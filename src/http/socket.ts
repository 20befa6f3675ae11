/** The socket of the original, `/_worker/ws`: progress comes up, cancellations go down (wire contract, section 6). */
import type { Jobs, WorkerLink, Workers } from "../../actors/orchestrator.ts";
import type { SignatureCheck } from "../access/message-signatures.ts";
import { identityOf, type WorkerGrant } from "../access/access.ts";
import { findFlaw, isObject, parseShallow } from "../protocol/json.ts";
import { type ProgressUpdate, readProgress } from "../protocol/progress.ts";
import { readWorkerEvent } from "../protocol/worker-event.ts";
import { legacyCancel } from "../protocol/worker.ts";
import { type JsonMap, messageOf, Refusal } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import type { Connections, Session, Wire } from "./connections.ts";

export interface SocketOptions {
  readonly workers: Pick<Workers, "connect" | "disconnect" | "progress" | "event">;
  readonly jobs: Pick<Jobs, "read">;
  readonly connections: Pick<Connections, "claim" | "unclaim">;
  readonly log: Log;
  readonly signatures: SignatureCheck;
}

const POLICY = 1008;

/** `workerId` undefined: a shared token and no id. The first message that tells whose socket this is settles it. */
export function createSocketSession(options: SocketOptions, grant: WorkerGrant, workerId: string | undefined): Session {
  return new SocketSession(options, grant, workerId);
}

class SocketSession implements Session {
  readonly #options: SocketOptions;
  readonly #grant: WorkerGrant;
  #workerId: string | undefined;
  #wire: Wire | undefined;
  #link: WorkerLink | undefined;

  constructor(options: SocketOptions, grant: WorkerGrant, workerId: string | undefined) {
    this.#options = options;
    this.#grant = grant;
    this.#workerId = workerId;
  }

  opened(wire: Wire): void {
    this.#wire = wire;
    if (this.#workerId !== undefined) this.#connect(this.#workerId, wire);
  }

  message(text: string): void {
    const message = this.#read(text);
    if (message === undefined || !this.#isWellSigned(text, message)) return;
    const update = readProgress(message);
    const workerId = this.#workerId ?? this.#named(message);
    if (update === undefined) return void this.#event(workerId, message);
    if (workerId !== undefined) this.#options.workers.progress(workerId, update);
    else void this.#progressOfUnknown(update);
  }

  async #event(workerId: string | undefined, message: JsonMap): Promise<void> {
    const event = readWorkerEvent(message);
    if (event === undefined || workerId === undefined) return;
    try {
      const answer = await this.#options.workers.event(workerId, event);
      if (answer.status === "error") {
        this.#options.log.warn("an event of a worker was refused", { worker: workerId, error: answer.message });
      }
    } catch (error) {
      this.#options.log.warn("an event of a worker was lost", { worker: workerId, error: messageOf(error) });
    }
  }

  get workerId(): string | undefined {
    return this.#workerId;
  }

  isAdmitted(): boolean {
    return this.#grant.admits(this.#workerId);
  }

  closed(): void {
    if (this.#link === undefined || this.#workerId === undefined || this.#wire === undefined) return;
    this.#options.connections.unclaim(keyOf(this.#workerId), this.#wire);
    this.#options.workers.disconnect(this.#workerId, this.#link);
    this.#link = undefined;
    this.#wire = undefined;
  }

  #read(text: string): JsonMap | undefined {
    try {
      const message = parseShallow(text);
      if (isObject(message) && findFlaw(text) === undefined) return message;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    this.#options.log.warn("a worker's socket sent what is no JSON object", { worker: this.#workerId ?? null });
    return undefined;
  }

  /** These workers read nothing from their socket but cancellations: only the log can say what was wrong. */
  #isWellSigned(text: string, { worker_id: claimed }: JsonMap): boolean {
    const workerId = this.#workerId ?? (typeof claimed === "string" ? claimed : undefined);
    try {
      this.#options.signatures.text(text, workerId);
      return true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { code, message: reason } = error;
      this.#options.log.warn("a signed message of a worker was refused", { worker: workerId ?? null, code, reason });
      return false;
    }
  }

  #named(message: JsonMap): string | undefined {
    const claimed = message["worker_id"];
    if (typeof claimed !== "string" || claimed === "" || this.#wire === undefined) return undefined;
    try {
      identityOf(this.#grant, claimed);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#wire.close(POLICY, error.code);
      return undefined;
    }
    this.#connect(claimed, this.#wire);
    return claimed;
  }

  /** The task knows who runs it; a shared token may speak for any worker that has none of its own. */
  async #progressOfUnknown(update: ProgressUpdate): Promise<void> {
    try {
      const { tasks } = await this.#options.jobs.read(undefined, update.jobId);
      const workerId = tasks.find(({ taskId }) => taskId === update.taskId)?.workerId;
      if (workerId === undefined || this.#wire === undefined || !this.#grant.admits(workerId)) return;
      if (this.#workerId === undefined) this.#connect(workerId, this.#wire);
      this.#options.workers.progress(workerId, update);
    } catch (error) {
      this.#options.log.warn("progress of an unknown task", { task: update.taskId, error: messageOf(error) });
    }
  }

  #connect(workerId: string, wire: Wire): void {
    const { workers, connections, log } = this.#options;
    this.#workerId = workerId;
    const link: WorkerLink = {
      kind: "socket",
      // Tasks of these workers come by their polls.
      task: () => false,
      cancel: (jobId, taskId) => this.#wire?.send(legacyCancel(jobId, taskId)) ?? false,
      close: (code, reason) => wire.close(code, reason),
    };
    this.#link = link;
    connections.claim(keyOf(workerId), wire);
    workers.connect(workerId, link).catch((error: unknown) => {
      log.warn("a worker's socket was not taken", { worker: workerId, error: messageOf(error) });
      wire.close(1011, "The socket was not taken: try again");
    });
  }
}

function keyOf(workerId: string): string {
  return `socket ${workerId}`;
}
