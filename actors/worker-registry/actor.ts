/** Supervises one actor for each worker, and knows which there are. */
import type { Actor, Context, Ref } from "../../src/runtime/types.ts";
import { assertNever, type JsonMap, Refusal } from "../../src/system/errors.ts";
import type { WorkerMessage } from "./messages.ts";
import { WorkerActor, type WorkerParts } from "./worker.ts";

export type RegistryMessage =
  /** To the worker, which is made known with this record if it is not. */
  | { readonly type: "to"; readonly workerId: string; readonly record: JsonMap; readonly message: WorkerMessage }
  | { readonly type: "gone"; readonly workerId: string };

const MAILBOX = 100_000;

export interface KnownWorker {
  readonly ref: Ref<WorkerMessage>;
  /** The actor of the moment: a restart puts another in its place. */
  actor: WorkerActor;
}

/** Which workers there are: written by the registry alone, read by the doors. */
export type Directory = ReadonlyMap<string, KnownWorker>;

export class WorkerRegistryActor implements Actor<RegistryMessage> {
  constructor(
    readonly directory: Map<string, KnownWorker>,
    readonly parts: WorkerParts,
    readonly forget: (workerId: string) => void,
  ) {}

  receive(message: RegistryMessage, context: Context<RegistryMessage>): void {
    switch (message.type) {
      case "to":
        return deliver(this.#known(message.workerId, message.record, context).ref, message.message);
      case "gone":
        this.directory.delete(message.workerId);
        this.parts.tellDispatcher({ type: "worker-gone", workerId: message.workerId });
        return this.forget(message.workerId);
      default:
        return assertNever(message);
    }
  }

  #known(id: string, record: JsonMap, context: Context<RegistryMessage>): KnownWorker {
    const known = this.directory.get(id);
    if (known) return known;
    let made: KnownWorker | undefined;
    let first: WorkerActor | undefined;
    const ref = context.spawn<WorkerMessage>({
      name: `worker-${id}`,
      capacity: MAILBOX,
      create: () => {
        const actor = new WorkerActor(id, made?.actor.record ?? record, this.parts);
        if (made) made.actor = actor;
        else first = actor;
        return actor;
      },
    });
    made = { ref, actor: first ?? new WorkerActor(id, record, this.parts) };
    this.directory.set(id, made);
    context.watch(ref as Ref<never>, { type: "gone", workerId: id });
    return made;
  }
}

/** A worker that sends more than can be read is told so; without an answer it would wait for nothing. */
function deliver(ref: Ref<WorkerMessage>, message: WorkerMessage): void {
  if (ref.tell(message) === "queued" || !("reply" in message)) return;
  const error = new Refusal(
    "WORKER_BUSY",
    429,
    "The server cannot read more from this worker now; try again in a second.",
    undefined,
    1,
  );
  message.reply?.fail(error);
}
