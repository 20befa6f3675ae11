import type { HeartbeatBody, RegistrationBody, ResultAnswer, WorkerResult } from "../../src/protocol/worker.ts";
import type { Caller, WorkerProcess } from "../../src/protocol/process.ts";
import type { Reply } from "../../src/runtime/types.ts";
import type { JsonMap } from "../../src/system/errors.ts";
import type { QueuedTask, TaskPlace } from "../dispatcher/task.ts";
import type { Claim, HandOut } from "../job/messages.ts";
import type { Hello, WorkerLink } from "../orchestrator.ts";
import type { Place } from "./leases.ts";

/** To the actor of one worker. */
export type WorkerMessage =
  | {
      readonly type: "register";
      readonly body: RegistrationBody;
      /** Left out: it does not say which of its processes it is. */
      readonly process?: WorkerProcess | undefined;
      /** Of what it has in hand: what it is to end. */
      readonly reply: Reply<readonly string[]>;
    }
  | {
      readonly type: "heartbeat";
      readonly body: HeartbeatBody | undefined;
      /** The stream that it came over. */
      readonly link?: WorkerLink | undefined;
      readonly caller?: Caller | undefined;
      readonly reply: Reply<JsonMap>;
    }
  | { readonly type: "poll"; readonly poll: Poll }
  | { readonly type: "poll-over"; readonly poll: Poll }
  | {
      readonly type: "connect";
      readonly link: WorkerLink;
      readonly hello?: Hello | undefined;
      readonly reply: Reply<readonly string[]>;
    }
  | { readonly type: "disconnect"; readonly link: WorkerLink }
  | { readonly type: "result"; readonly result: WorkerResult; readonly reply: Reply<ResultAnswer> }
  | { readonly type: "release"; readonly taskIds: readonly string[] }
  /** How far it is trusted has changed. */
  | { readonly type: "judged" }
  | { readonly type: "drain"; readonly on: boolean; readonly reply?: Reply<void> | undefined }
  /** The process behind this stream takes no more tasks. */
  | { readonly type: "drain-link"; readonly link: WorkerLink }
  /** From the dispatcher. */
  | { readonly type: "assign"; readonly task: QueuedTask }
  | { readonly type: "stop-task"; readonly task: TaskPlace; readonly cancel: boolean }
  /** From a job: a hand-out that it knows of; the lease begins again at full length. */
  | { readonly type: "adopt"; readonly task: QueuedTask; readonly handOut: HandOut }
  /** To itself. */
  | { readonly type: "confirmed"; readonly task: QueuedTask; readonly handOut: HandOut; readonly accepted: boolean }
  | { readonly type: "unconfirmed"; readonly task: QueuedTask; readonly handOut: HandOut }
  | {
      readonly type: "claimed";
      readonly claims: readonly ClaimAnswer[];
      readonly place: Place;
      readonly reply: Reply<readonly string[]>;
    }
  | { readonly type: "give-back"; readonly task: QueuedTask }
  | { readonly type: "check" }
  | { readonly type: "record" };

export interface ClaimAnswer {
  readonly jobId: string;
  readonly taskId: string;
  /** Undefined: the task is over or somebody else's. */
  readonly claim: Claim | undefined;
}

/** A long poll that waits for a task. */
export interface Poll {
  /** JSON text of the task, or undefined when the time is over. */
  answer(task: string | undefined): void;
  readonly isOpen: boolean;
  /** Undefined: it does not say which process it is of. */
  readonly from: Caller | undefined;
}
