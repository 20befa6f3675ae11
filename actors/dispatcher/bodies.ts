/**
 * Fetches the bodies of parked tasks from the store. It always answers: a line that waited for an
 * answer that never comes would stand still.
 */
import type { JobReader, StoredTask } from "../../src/storage/port.ts";
import type { Cancel, Timers } from "../../src/system/clock.ts";
import { messageOf } from "../../src/system/errors.ts";
import type { Log } from "../../src/system/log.ts";
import type { DispatcherEffect, DispatcherMessage } from "./messages.ts";
import type { TaskBody, WaitingTask } from "./task.ts";

type Fetch = Extract<DispatcherEffect, { type: "fetch" }>;
type Bodies = Extract<DispatcherMessage, { type: "bodies" }>;

export interface BodiesParts {
  readonly reader: Pick<JobReader, "tasks">;
  readonly timers: Timers;
  readonly log: Log;
  tell(message: Bodies): void;
}

const RETRY_MS = 1_000;
/** Then one after the other: a single job that cannot be read is not to hold up its class. */
const TRIES_TOGETHER = 3;

export class BodyFetcher {
  readonly #retries = new Map<Fetch, Cancel>();
  #stopped = false;

  constructor(readonly parts: BodiesParts) {}

  fetch(effect: Fetch): void {
    void this.#fetch(effect, 1);
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#retries.values()) cancel();
  }

  async #fetch(effect: Fetch, number: number): Promise<void> {
    const { line, tasks } = effect;
    try {
      const bodies = number > TRIES_TOGETHER ? await this.#oneByOne(tasks) : await this.#read(tasks);
      this.parts.tell({ type: "bodies", line, tasks, bodies });
    } catch (error) {
      if (this.#stopped) return;
      this.parts.log.warn("The store did not say what queued tasks hold; asking again.", { error: messageOf(error) });
      const again = this.parts.timers.after(RETRY_MS, () => {
        this.#retries.delete(effect);
        void this.#fetch(effect, number + 1);
      });
      this.#retries.set(effect, again);
    }
  }

  async #read(tasks: readonly WaitingTask[]): Promise<readonly (TaskBody | undefined)[]> {
    const stored = await this.parts.reader.tasks(tasks.map(({ jobId, slot }) => ({ jobId, slot })));
    return tasks.map((task, index) => bodyOf(task, stored[index]));
  }

  /** What cannot be read leaves the queue; the sweep comes back to its job. */
  async #oneByOne(tasks: readonly WaitingTask[]): Promise<readonly (TaskBody | undefined)[]> {
    const bodies: (TaskBody | undefined)[] = [];
    for (const task of tasks) {
      try {
        bodies.push(...(await this.#read([task])));
      } catch (error) {
        const about = { job: task.jobId, error: messageOf(error) };
        this.parts.log.error("A queued task cannot be read; it is left out until the sweep looks for it.", about);
        bodies.push(undefined);
      }
    }
    return bodies;
  }
}

/** Undefined: the job waits for something else by now, and what tells the dispatcher so is on its way. */
function bodyOf(task: WaitingTask, stored: StoredTask | undefined): TaskBody | undefined {
  if (!stored || stored.visit !== task.visit || stored.wait.attempt !== task.attempt) return undefined;
  const { order, checkpoint } = stored.wait;
  return { order, checkpoint, trace: stored.trace };
}
