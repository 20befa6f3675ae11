/**
 * What one actor has decided and another has to hear: every effect of a job, of the dispatcher and
 * of the gates, and to whom it goes.
 */
import type { Catalog } from "../src/catalog/port.ts";
import type { GatePlace } from "../src/job/gate.ts";
import type { Job } from "../src/job/model.ts";
import type { Ref, Region } from "../src/runtime/types.ts";
import type { Timers } from "../src/system/clock.ts";
import { assertNever, Refusal } from "../src/system/errors.ts";
import type { Log } from "../src/system/log.ts";
import type { BodyFetcher } from "./dispatcher/bodies.ts";
import type { DispatcherEffect, DispatcherMessage } from "./dispatcher/messages.ts";
import type { QueuedTask } from "./dispatcher/task.ts";
import type { Families } from "./families.ts";
import { limitOf, placeOf } from "./gate/entry.ts";
import type { GateEffect, GateMessage, Place } from "./gate/messages.ts";
import type { After } from "./job/draft.ts";
import type { Claim, JobMessage } from "./job/messages.ts";
import type { Resumption } from "./job/resume.ts";
import type { TaskJob } from "./scheduler/recovery.ts";
import type { KnownWorker, RegistryMessage } from "./worker-registry/actor.ts";

import type { Reputations } from "./worker-registry/reputations.ts";

/** Who is written to. Looked up when it is time: they are made with errands to run. */
export interface Addresses {
  readonly dispatcher: Ref<DispatcherMessage>;
  readonly gate: Ref<GateMessage>;
  readonly registry: Ref<RegistryMessage>;
  readonly jobs: Region<JobMessage>;
  readonly bodies: Pick<BodyFetcher, "fetch">;
  readonly families: Pick<Families, "start" | "cancel" | "tellParent" | "lookAtChild" | "lookAtParent">;
  readonly reputations: Pick<Reputations, "take">;
}

export interface ErrandParts {
  readonly to: Addresses;
  readonly directory: ReadonlyMap<string, KnownWorker>;
  readonly catalog: Catalog;
  readonly timers: Timers;
  readonly log: Log;
}

const COSTS_PAUSE_MS = 50;

export class Errands {
  /** Places at gates of jobs that were over. */
  gateRepairs = 0;
  readonly #parts: ErrandParts;

  constructor(parts: ErrandParts) {
    this.#parts = parts;
  }

  tellJob(jobId: string, message: JobMessage): void {
    if (this.#to.jobs.ref(jobId).tell(message) === "queued") return;
    const problem = "The job cannot take more messages now; send it again in a second.";
    const error = new Refusal("JOB_BUSY", 503, problem, undefined, 1);
    if ("reply" in message && message.type !== "turn-done") message.reply?.fail(error);
  }

  // ---- of a job

  /** `job` is durable. */
  follow(job: Job, after: After): void {
    const { dispatcher, gate, families, reputations } = this.#to;
    switch (after.type) {
      case "drop-task":
        dispatcher.tell({ type: "drop", jobId: job.id, visit: after.visit, slot: after.slot });
        return;
      case "judge-worker":
        return reputations.take(after.workerId, after.deed);
      case "cancel-task": {
        const { visit, slot, attempt } = after;
        dispatcher.tell({ type: "cancel", jobId: job.id, visit, slot, attempt });
        return;
      }
      case "arrive-at-gate":
        if (job.gate) gate.tell({ type: "arrived", place: this.placeAt(job, job.gate) });
        return;
      case "enter-gate":
        if (job.gate) gate.tell({ type: "entered", place: this.placeAt(job, job.gate) });
        return;
      case "leave-gate":
        gate.tell({ type: "left", jobId: job.id });
        return;
      case "start-child":
        return families.start(after.child);
      case "cancel-child":
        return families.cancel(after.childId);
      case "tell-parent":
        return families.tellParent(job, after.parentId);
      case "queue":
      case "adopt":
      case "look-at-child":
      case "look-at-parent":
        return this.setGoing(job, after);
      default:
    }
  }

  setGoing(job: TaskJob, after: Resumption): void {
    const { dispatcher, registry, families } = this.#to;
    switch (after.type) {
      case "queue":
        dispatcher.tell({ type: "queue", task: queuedTask(job, after.wait, after.visit, after.again) });
        return;
      case "adopt": {
        const { handOut } = after;
        const task = queuedTask(job, after.wait, handOut.visit, true);
        const message = { type: "adopt", task, handOut } as const;
        registry.tell({ type: "to", workerId: handOut.workerId, record: {}, message });
        return;
      }
      case "look-at-child":
        return families.lookAtChild(job.id, after.childId);
      case "look-at-parent":
        return families.lookAtParent(job.id, after.parentId);
      default:
        return assertNever(after);
    }
  }

  // ---- of the dispatcher

  carryOut(effect: DispatcherEffect): void {
    const { directory } = this.#parts;
    const { dispatcher, bodies } = this.#to;
    switch (effect.type) {
      case "assign": {
        const { workerId, task } = effect;
        const told = directory.get(workerId)?.ref.tell(effect);
        if (told !== "queued") dispatcher.tell({ type: "returned", workerId, task });
        return;
      }
      case "stop-task":
        directory.get(effect.workerId)?.ref.tell(effect);
        return;
      case "withdrawn": {
        const { jobId, visit, slot, attempt } = effect;
        return this.tellJob(jobId, { type: "withdrawn", visit, slot, attempt });
      }
      case "too-expensive": {
        const { jobId, visit, slot, attempt } = effect.task;
        return this.tellJob(jobId, { type: "too-expensive", visit, slot, attempt, message: effect.message });
      }
      case "judge-costs-later":
        return this.#judgeCostsLater(effect.taskType);
      case "fetch":
        return bodies.fetch(effect);
      default:
        return assertNever(effect);
    }
  }

  #judgeCostsLater(taskType: string): void {
    this.#parts.timers.after(COSTS_PAUSE_MS, () => void this.#to.dispatcher.tell({ type: "judge-costs", taskType }));
  }

  // ---- of the gates

  letIn(effect: GateEffect): void {
    switch (effect.type) {
      case "admit":
        return this.tellJob(effect.jobId, { type: "admitted", visit: effect.visit });
      case "found-gone":
        this.gateRepairs += 1;
        this.#parts.log.warn("A job that is over still had its place at a gate; others may have it.", {
          job: effect.jobId,
        });
        return;
      default:
        return assertNever(effect);
    }
  }

  placeAt(job: Pick<Job, "id" | "blueprint" | "priority">, at: GatePlace): Place {
    return placeOf(job, at, this.#parts.catalog.current(job.blueprint));
  }

  /** Of the blueprints that serve now. */
  tellLimits(): void {
    const serving = this.#parts.catalog.list();
    const limits = serving.map((manifest) => [manifest.name, limitOf(manifest, undefined)] as const);
    this.#to.gate.tell({ type: "limits", limits: new Map(limits) });
  }

  get #to(): Addresses {
    return this.#parts.to;
  }
}

export function queuedTask(job: TaskJob, wait: Claim["wait"], visit: number, again: boolean): QueuedTask {
  return {
    jobId: job.id,
    visit,
    slot: wait.slot,
    attempt: wait.attempt,
    order: wait.order,
    begun: job.begun === true,
    queuedAtMs: wait.queuedAtMs,
    again,
    checkpoint: wait.checkpoint,
    trace: job.trace,
  };
}
