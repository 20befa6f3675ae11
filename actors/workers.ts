/** What the doors may ask about workers, answered by the registry and the workers' actors. */
import type { ResultAnswer } from "../src/protocol/worker.ts";
import type { WorkerEventAnswer } from "../src/protocol/worker-event.ts";
import type { ActorSystem, Ref, Region, Reply } from "../src/runtime/types.ts";
import { type JsonMap, Refusal } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import type { JobMessage } from "./job/messages.ts";
import type { Workers } from "./orchestrator.ts";
import type { Directory, KnownWorker, RegistryMessage } from "./worker-registry/actor.ts";
import type { Poll, WorkerMessage } from "./worker-registry/messages.ts";
import { isTrusted } from "./worker-registry/reputation.ts";
import type { Reputations } from "./worker-registry/reputations.ts";

export interface WorkersParts {
  readonly system: System;
  readonly actors: ActorSystem;
  readonly region: Region<JobMessage>;
  readonly registry: Ref<RegistryMessage>;
  readonly directory: Directory;
  /** Whether this start of the server handed it out: then every hand-out that is not over is known. */
  isOfThisStart(taskId: string): boolean;
  /** An event that its worker's own schema does not take is refused; else the log tells of it. */
  readonly isStrictOnEvents: boolean;
  readonly reputations: Pick<Reputations, "of" | "forgive">;
  /** So often a process that polls is to say what it runs. */
  readonly heartbeatMs: number;
}

const ASK_MS = 30_000;

export function createWorkers(parts: WorkersParts): Workers {
  const { actors, directory, registry, region, system } = parts;

  /** To the worker's actor, which is made where there is none. */
  function ask<Answer>(
    workerId: string,
    record: JsonMap,
    message: (reply: Reply<Answer>) => WorkerMessage,
  ): Promise<Answer> {
    const known = directory.get(workerId);
    if (known) return actors.ask(known.ref, message, ASK_MS);
    return actors.ask<RegistryMessage, Answer>(
      registry,
      (reply) => ({ type: "to", workerId, record, message: message(reply) }),
      ASK_MS,
    );
  }

  function tell(workerId: string, message: WorkerMessage): void {
    directory.get(workerId)?.ref.tell(message);
  }

  function known(workerId: string): Ref<WorkerMessage> {
    const worker = directory.get(workerId);
    if (!worker) throw notFound("GET /api/v1/workers, or `orchestrator workers list`, tells which there are.");
    return worker.ref;
  }

  /** Who gave no name may be any of them: a task is in the hands of one. */
  function askedOf(workerId: string | undefined): readonly KnownWorker["actor"][] {
    const named = workerId === undefined ? directory.values().toArray() : [directory.get(workerId)];
    return named.flatMap((worker) => worker?.actor ?? []);
  }

  function isRegistered(workerId: string): boolean {
    const record = directory.get(workerId)?.actor.record;
    return record !== undefined && (record["worker_id"] !== undefined || saysWhatItDoes(record));
  }

  return {
    async register(body, process) {
      const { heartbeatMs } = parts;
      const cancelled = await ask<readonly string[]>(body.worker_id, body as JsonMap, (reply) => {
        return { type: "register", body, process, reply };
      });
      return { cancelled, heartbeatMs };
    },
    heartbeat(workerId, body, link, caller) {
      const said = (body ?? {}) as JsonMap;
      // Old workers never register again: one that says what it can do is known from then on. One that
      // has only polled, or holds a task of an earlier start, has to be told to register.
      if (!isRegistered(workerId) && !saysWhatItDoes(said)) {
        const hint =
          "Register it first (POST /_worker/workers/register), or say in the heartbeat which tasks it takes.";
        return Promise.reject(notFound(hint));
      }
      return ask<JsonMap>(workerId, said, (reply) => ({ type: "heartbeat", body, link, caller, reply }));
    },
    poll(workerId, waitMs, signal, from) {
      return new Promise((resolve) => {
        let isOpen = true;
        const poll: Poll = {
          from,
          get isOpen() {
            return isOpen;
          },
          answer(task) {
            isOpen = false;
            cancelTimer();
            signal.removeEventListener("abort", over);
            resolve(task);
          },
        };
        function over(): void {
          if (!isOpen) return;
          poll.answer(undefined);
          tell(workerId, { type: "poll-over", poll });
        }
        const cancelTimer = system.timers.after(waitMs, over);
        signal.addEventListener("abort", over);
        if (signal.aborted) return over();
        registry.tell({ type: "to", workerId, record: {}, message: { type: "poll", poll } });
      });
    },
    isRegistered,
    undelivered: (workerId, taskId) => tell(workerId, { type: "release", taskIds: [taskId] }),
    result(result) {
      const worker = directory.get(result.workerId);
      if (worker)
        return actors.ask<WorkerMessage, ResultAnswer>(
          worker.ref,
          (reply) => ({ type: "result", result, reply }),
          ASK_MS,
        );
      return actors.ask<JobMessage, ResultAnswer>(
        region.ref(result.jobId),
        (reply) => ({ type: "result", result, reply }),
        ASK_MS,
      );
    },
    progress(workerId, update) {
      region.ref(update.jobId).tell({ type: "progress", workerId, ...update });
    },
    checkpoint(workerId, update) {
      region.ref(update.jobId).tell({ type: "checkpoint", workerId, ...update });
    },
    event(workerId, event) {
      const worker = directory.get(workerId)?.actor;
      const taskId = event.taskId ?? worker?.taskFor(event.jobId);
      const problem = taskId === undefined ? undefined : worker?.problemOfEvent(taskId, event.name, event.payload);
      if (problem !== undefined) {
        const message = `Worker ${workerId} sent what its own events_schema of "${event.name}" does not take: ${problem}.`;
        if (parts.isStrictOnEvents) return Promise.resolve(violation(message));
        system.log.warn(message, { job: event.jobId });
      }
      return actors.ask<JobMessage, WorkerEventAnswer>(
        region.ref(event.jobId),
        (reply) => ({
          type: "worker-event",
          workerId,
          event: { ...event, ...(taskId !== undefined && { taskId }) },
          handOut: taskId === undefined ? undefined : worker?.handOutOfTask(taskId),
          reply,
        }),
        ASK_MS,
      );
    },
    release: (workerId, taskIds) => tell(workerId, { type: "release", taskIds }),
    // One of an earlier start may be taken up again yet: its worker is not told to end it for nothing.
    isCancelled: (workerId, taskId) =>
      askedOf(workerId).reduce<boolean | undefined>((known, actor) => known ?? actor.isCancelled(taskId), undefined) ??
      parts.isOfThisStart(taskId),
    async connect(workerId, link, hello) {
      const record = (hello?.registration ?? {}) as JsonMap;
      return { cancelled: await ask(workerId, record, (reply) => ({ type: "connect", link, hello, reply })) };
    },
    disconnect: (workerId, link) => tell(workerId, { type: "disconnect", link }),
    drainLink: (workerId, link) => tell(workerId, { type: "drain-link", link }),
    async drain(workerId) {
      await actors.ask<WorkerMessage, void>(known(workerId), (reply) => ({ type: "drain", on: true, reply }), ASK_MS);
    },
    async resume(workerId) {
      const ref = known(workerId);
      // Whatever kept tasks from it: an operator who lets it in again has looked at it.
      if (!isTrusted(parts.reputations.of(workerId))) parts.reputations.forgive(workerId);
      await actors.ask<WorkerMessage, void>(ref, (reply) => ({ type: "drain", on: false, reply }), ASK_MS);
    },
    list: () => [...directory.values()].map((worker) => worker.actor.face),
  };
}

function violation(message: string): WorkerEventAnswer {
  return { status: "error", code: "CONTRACT_VIOLATION_ERROR", message };
}

function saysWhatItDoes(record: JsonMap): boolean {
  return Array.isArray(record["supported_tasks"]) || Array.isArray(record["supported_skills"]);
}

/** The words are those that published workers know. */
function notFound(hint: string): Refusal {
  return new Refusal("WORKER_NOT_FOUND", 404, "Worker not found", { hint });
}
