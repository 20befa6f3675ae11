/** A worker from start to end: runs what it is given, and on `drain` leaves nothing behind. */
import type { Refusal } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import type { ProgressUpdate } from "./contract.ts";
import type { WorkerDefinition, WorkerRuntime } from "./definition.ts";
import { HotCache } from "./hot-cache.ts";
import { heartbeatBody, registrationBody } from "./registration.ts";
import { Runner } from "./runner.ts";
import { Session } from "./session.ts";
import type { Settings } from "./settings.ts";
import { Slots } from "./slots.ts";
import type { Transport } from "./transport.ts";

/** How long the last results and hand-backs may take to be acknowledged. */
const FLUSH_MS = 5000;
/** And when somebody hurries: enough for a server that is there. */
const FLUSH_HURRIED_MS = 500;

export interface ServiceParts {
  readonly system: System;
  readonly definition: WorkerDefinition;
  readonly settings: Settings;
  readonly transports: readonly Transport[];
}

export class WorkerService implements WorkerRuntime {
  readonly #runner: Runner;
  readonly #session: Session;
  readonly #hurries: Array<() => void> = [];
  #hurried = 0;
  #draining: Promise<void> | undefined;

  constructor(private readonly parts: ServiceParts) {
    const { system, definition, settings } = parts;
    const tasks = [...definition.tasks.keys()];
    const changed = () => this.#session.changed();
    const hotCache = new HotCache(settings.skillDependencies, changed);
    const { workerId } = settings.access;
    this.#runner = new Runner({
      tasks: definition.tasks,
      slots: new Slots(settings.limits),
      timers: system.timers,
      workplace: { workerId, log: system.log, payloadFolder: settings.payloadFolder, hotCache },
      changed,
    });
    this.#session = new Session({
      system: { ...system, log: system.log.with({ worker_id: workerId }) },
      transports: parts.transports,
      runner: this.#runner,
      registration: () => registrationBody(settings, tasks, hotCache),
      heartbeat: () => heartbeatBody(settings, tasks, hotCache, this.#runner),
      heartbeatMs: settings.heartbeatMs,
      heartbeatDebounceMs: settings.heartbeatDebounceMs,
    });
    definition.attach(this);
  }

  /** Resolves when the worker has been drained, or with the refusal that ended it. */
  async run(): Promise<Refusal | undefined> {
    const refusal = await this.#session.serve();
    if (refusal) {
      this.#runner.drain();
      this.#runner.abandon();
      await this.#session.close();
    }
    await this.#draining;
    return refusal;
  }

  /**
   * No new tasks; what runs may end for the shutdown time, then it is handed back. A second call
   * hands it back at once and hardly waits for the server, a third waits for nothing any more.
   */
  drain(): Promise<void> {
    if (this.#draining) {
      this.#hurried += 1;
      for (const hurry of this.#hurries.splice(0)) hurry();
    }
    this.#draining ??= this.#drainOnce();
    return this.#draining;
  }

  async sendProgress(update: ProgressUpdate): Promise<void> {
    await this.#session.progress(update);
  }

  async isCancelled(taskId: string): Promise<boolean> {
    return await this.#session.isCancelled(taskId);
  }

  async #drainOnce(): Promise<void> {
    const { log } = this.parts.system;
    const { shutdownMs } = this.parts.settings;
    log.info("the worker stops: no new tasks, running ones may end", {
      running: this.#runner.load,
      shutdown_ms: shutdownMs,
    });
    this.#session.release(this.#runner.drain().map((run) => run.taskId));
    const drained = Promise.all([this.#session.drain(), this.#runner.idle()]);
    await this.#within(drained, shutdownMs, 1);
    const left = this.#runner.abandon();
    if (left.length > 0) log.warn("unfinished tasks are handed back", { tasks: left.map((run) => run.taskId) });
    this.#session.release(left.map((run) => run.taskId));
    await this.#within(this.#session.flushed(), this.#hurried > 0 ? FLUSH_HURRIED_MS : FLUSH_MS, this.#hurried + 1);
    if (this.#session.unacknowledged > 0) {
      log.error("results were not acknowledged before the end; their tasks will run again", {
        results: this.#session.unacknowledged,
      });
    }
    await this.#session.close();
  }

  /** Waits for the work, for the time, or for somebody who hurries often enough. */
  async #within(work: Promise<unknown>, limitMs: number, hurriesNeeded: number): Promise<void> {
    if (this.#hurried >= hurriesNeeded) return;
    let cancel = () => undefined as void;
    const over = new Promise<void>((resolve) => {
      cancel = this.parts.system.timers.after(limitMs, resolve);
      const hurried = () => (this.#hurried >= hurriesNeeded ? resolve() : void this.#hurries.push(hurried));
      this.#hurries.push(hurried);
    });
    await Promise.race([work, over]);
    cancel();
  }
}
