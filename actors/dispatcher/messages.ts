import type { WorkerView } from "../../src/job/worker.ts";
import type { QueuedTask, TaskBody, TaskPlace, TaskRun, WaitingTask } from "./task.ts";

export type DispatcherMessage =
  /** A task that no one has. Known ones are left as they are. */
  | { readonly type: "queue"; readonly task: QueuedTask }
  /** The job does not wait for it any more: out of the queue, or the worker is told to stop. */
  | ({ readonly type: "drop" } & TaskPlace)
  /** The job is cancelled: back from the queue, or the worker is told; the job learns which. */
  | ({ readonly type: "cancel" } & TaskRun)
  /** A worker is new, or something of it changed. */
  | { readonly type: "worker"; readonly view: WorkerView }
  | { readonly type: "worker-gone"; readonly workerId: string }
  /** More (or fewer) tasks may be sent to it. */
  | { readonly type: "credit"; readonly workerId: string; readonly tasks: number }
  /** The worker could not be given the task. */
  | { readonly type: "returned"; readonly workerId: string; readonly task: QueuedTask }
  /** A hand-out is over, whatever came of it. */
  | {
      readonly type: "ended";
      readonly workerId: string;
      readonly task: TaskRun;
      /** So many more may be sent, now that there is room. Left out: none. */
      readonly credit?: number;
    }
  /** A worker that came back runs this one. */
  | { readonly type: "claimed"; readonly workerId: string; readonly task: QueuedTask }
  /** The bodies that were asked for, each in its task's place; undefined: the store has it as no open task any more. */
  | {
      readonly type: "bodies";
      readonly line: number;
      readonly tasks: readonly WaitingTask[];
      readonly bodies: readonly (TaskBody | undefined)[];
    }
  /** Nothing is handed out until `open`: not all that waits is here yet. */
  | { readonly type: "hold" }
  | { readonly type: "open" }
  /** More of those that wait under a cost limit are to be judged. */
  | { readonly type: "judge-costs"; readonly taskType: string };

/** What the dispatcher has decided; its shell carries it out. */
export type DispatcherEffect =
  | { readonly type: "assign"; readonly workerId: string; readonly task: QueuedTask }
  | { readonly type: "stop-task"; readonly workerId: string; readonly task: TaskPlace; readonly cancel: boolean }
  | ({ readonly type: "withdrawn" } & TaskRun)
  | { readonly type: "too-expensive"; readonly task: WaitingTask; readonly message: string }
  /** Read these from the store: their turn comes soon. Answered by `bodies`, whatever happens. */
  | { readonly type: "fetch"; readonly line: number; readonly tasks: readonly WaitingTask[] }
  /** To come back as `judge-costs` in a while: the jobs that were told are to have their time. */
  | { readonly type: "judge-costs-later"; readonly taskType: string };
