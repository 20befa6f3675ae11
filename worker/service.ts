/** A worker from start to end: runs what it is given, and on `drain` leaves nothing behind. */
import { assert, type Refusal } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import type { EventUpdate, ProgressUpdate } from "./contract.ts";
import type { WorkerDefinition, WorkerRuntime } from "./definition.ts";
import type { FileExchange } from "./file-exchange.ts";
import { HotCache } from "./hot-cache.ts";
import { accessNow } from "./access.ts";
import { Board } from "./heart/board.ts";
import { Heart } from "./heart/heart.ts";
import { OrchestratorGroup } from "./group.ts";
import type { LogSettings } from "./log.ts";
import type { Orchestrator } from "./orchestrators.ts";
import { type Face, heartbeatBody, registrationBody, skillsOf } from "./registration.ts";
import { Runner } from "./runner.ts";
import { Session } from "./session.ts";
import type { Settings } from "./settings.ts";
import type { Shelf } from "./shelf.ts";
import { Slots } from "./slots.ts";
import type { TaskRun } from "./task.ts";
import type { Transport } from "./transport.ts";

/** How long the last results and hand-backs may take to be acknowledged. */
const FLUSH_MS = 5000;
/** And when somebody hurries: enough for a server that is there. */
const FLUSH_HURRIED_MS = 500;

/** An orchestrator that refuses one of several workers' tokens may learn it yet. */
const REFUSED_AGAIN_MS = 60_000;
/** Of several orchestrators one that says nothing for so long is taken for dead. */
const PROBE_MS = 2000;
const SPARE_SLOTS = 16;

/** Where a heart's thread begins, and how it writes. */
export interface HeartPlace {
  readonly thread: string;
  readonly log: LogSettings;
}

export interface ServiceParts {
  readonly system: System;
  readonly definition: WorkerDefinition;
  readonly settings: Settings;
  readonly transportsOf: (orchestrator: Orchestrator) => readonly Transport[];
  readonly shelf?: Shelf | undefined;
  readonly heart?: HeartPlace | undefined;
  readonly exchange?: FileExchange | undefined;
}

export class WorkerService implements WorkerRuntime {
  readonly #runner: Runner;
  readonly #group: OrchestratorGroup;
  readonly #heart: Heart | undefined;
  readonly #hurries: Array<() => void> = [];
  readonly #closing = Promise.withResolvers<void>();
  readonly #refusals = new Map<Session, Refusal>();
  #hurried = 0;
  #draining: Promise<void> | undefined;

  constructor(private readonly parts: ServiceParts) {
    const { system, definition, settings } = parts;
    const { workerId, mode, limits, payloadFolder } = settings;
    this.#group = new OrchestratorGroup({ system, mode, limits });
    const changed = () => this.#group.changed();
    const hotCache = new HotCache(settings.skillDependencies, changed);
    const isSeveral = settings.orchestrators.length > 1;
    const tasks = [...definition.tasks.keys()];
    const board = parts.heart && this.#board();
    this.#heart = parts.heart && board && this.#startHeart(parts.heart, board, tasks);
    this.#runner = new Runner({
      tasks: definition.tasks,
      slots: new Slots(limits),
      timers: system.timers,
      workplace: { workerId, log: system.log, timers: system.timers, payloadFolder, hotCache },
      changed,
      board,
      exchange: parts.exchange,
      ...(isSeveral && { nextOrigin: (origins) => this.#group.nextOrigin(origins) }),
    });
    const face = { settings, tasks, skills: skillsOf(definition.tasks), hotCache, runner: this.#runner };
    for (const orchestrator of settings.orchestrators) this.#group.add(orchestrator, this.#session(orchestrator, face));
    this.#group.begin(this.#runner);
    definition.attach(this);
  }

  /** What runs; a few more slots than tasks, for those whose handlers go on after their time. */
  #board(): Board {
    const slots = this.parts.settings.limits.total + SPARE_SLOTS;
    return new Board(slots, (origin) => this.#group.placeOf(origin));
  }

  #startHeart({ thread, log }: HeartPlace, board: Board, tasks: readonly string[]): Heart {
    const { system, settings } = this.parts;
    const { workerId, heartbeatMs: intervalMs, stallMs } = settings;
    const back = () => this.#group.sessions.forEach((session) => session.beatNow());
    return new Heart({ system, thread, board, intervalMs, stallMs, tasks, workerId, log, back });
  }

  #session(orchestrator: Orchestrator, face: Face): Session {
    const { system, settings, shelf, transportsOf } = this.parts;
    const isSeveral = settings.orchestrators.length > 1;
    const fields = { worker_id: settings.workerId, ...(isSeveral && { orchestrator: orchestrator.name }) };
    const session: Session = new Session({
      system: { ...system, log: system.log.with(fields) },
      name: orchestrator.name,
      advice: orchestrator.advice,
      transports: transportsOf(orchestrator),
      runner: this.#runner,
      registration: () => registrationBody(face, this.#group.allowanceOf(session)),
      heartbeat: (serverCounts) => heartbeatBody(face, this.#group.allowanceOf(session), serverCounts),
      retry: settings.retry,
      heartbeatMs: settings.heartbeatMs,
      heartbeatDebounceMs: settings.heartbeatDebounceMs,
      room: () => this.#group.roomFor(session),
      standing: (isThere) => {
        if (isThere) {
          this.#refusals.delete(session);
          this.#heart?.reaches(this.#group.placeOf(session), accessNow(orchestrator.access));
        }
        this.#group.standing(session, isThere);
      },
      shelf,
      probeMs: isSeveral ? PROBE_MS : undefined,
    });
    return session;
  }

  /** Resolves when the worker has been drained, or with the refusal that ended it. */
  async run(): Promise<Refusal | undefined> {
    const ends = this.#group.sessions.map((session) => this.#serve(session));
    const refusal = (await Promise.all(ends)).find((end) => end !== undefined);
    if (refusal && !this.#draining) {
      this.#runner.drain();
      this.#runner.abandon();
      await this.#close();
    }
    await this.#draining;
    return refusal;
  }

  /** One that refuses the worker does not end it as long as another one may be served. */
  async #serve(session: Session): Promise<Refusal | undefined> {
    for (;;) {
      const refusal = await session.serve();
      if (!refusal) return undefined;
      this.#refusals.set(session, refusal);
      if (this.#refusals.size === this.#group.sessions.length) {
        this.#closing.resolve();
        return refusal;
      }
      session.standsRefused(refusal, REFUSED_AGAIN_MS);
      if (await this.#isClosedWithin(REFUSED_AGAIN_MS)) return undefined;
    }
  }

  async #isClosedWithin(limitMs: number): Promise<boolean> {
    let cancel = () => undefined as void;
    const over = new Promise<boolean>((resolve) => {
      cancel = this.parts.system.timers.after(limitMs, () => resolve(false));
    });
    const isClosed = await Promise.race([over, this.#closing.promise.then(() => true)]);
    cancel();
    return isClosed;
  }

  async #close(): Promise<void> {
    this.#closing.resolve();
    this.#group.end();
    this.#heart?.stop();
    await Promise.all(this.#group.sessions.map((session) => session.close()));
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

  get isDraining(): boolean {
    return this.#draining !== undefined;
  }

  async sendProgress(update: ProgressUpdate): Promise<void> {
    const run = this.#runner.runOf(update.taskId);
    if (run?.jobId === update.jobId) await run.sendProgress(update.progress, update.message);
    else await this.#sessionOf(update.taskId).progress(update);
  }

  async sendEvent({ taskId, name, payload }: EventUpdate): Promise<void> {
    await this.#runner.runOf(taskId)?.sendEvent(name, payload);
  }

  async isCancelled(taskId: string): Promise<boolean> {
    return await this.#sessionOf(taskId).isCancelled(taskId);
  }

  /** Which orchestrator a task came from. What is said of one that is over goes to the first and is ignored there. */
  #sessionOf(taskId: string): Session {
    const { sessions } = this.#group;
    const found = sessions.find((session) => this.#runner.of(session).some((run) => run.taskId === taskId));
    const [first] = sessions;
    assert(first !== undefined, "a worker serves an orchestrator");
    return found ?? first;
  }

  async #drainOnce(): Promise<void> {
    const { log } = this.parts.system;
    const { shutdownMs } = this.parts.settings;
    const running = this.#runner.load;
    log.info(stopText(running, shutdownMs), { running, shutdown_ms: shutdownMs });
    const { sessions } = this.#group;
    release(this.#runner.drain());
    this.#group.changed();
    const drained = Promise.all([...sessions.map((session) => session.drain()), this.#runner.idle()]);
    await this.#within(drained, shutdownMs, 1);
    const left = this.#runner.abandon();
    if (left.length > 0) log.warn("unfinished tasks are handed back", { tasks: left.map((run) => run.taskId) });
    release(left);
    const flushed = Promise.all(sessions.map((session) => session.flushed()));
    await this.#within(flushed, this.#hurried > 0 ? FLUSH_HURRIED_MS : FLUSH_MS, this.#hurried + 1);
    this.#tellUnacknowledged();
    await this.#close();
  }

  #tellUnacknowledged(): void {
    const { log } = this.parts.system;
    const results = this.#group.sessions.reduce((sum, session) => sum + session.unacknowledged, 0);
    if (results === 0) return;
    const { shelf } = this.parts;
    if (shelf)
      log.warn("results that are not acknowledged yet are kept for the next start", { results, file: shelf.path });
    else log.error("results were not acknowledged before the end; their tasks will run again", { results });
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

function stopText(running: number, shutdownMs: number): string {
  const stops = "the worker stops: no new tasks";
  if (running === 0 || shutdownMs === 0) return stops;
  const seconds = shutdownMs / 1000;
  return `${stops}, and it waits up to ${seconds} s for those that run; a second Ctrl-C (SIGTERM) hands them back at once`;
}

/** Each goes back to where it came from. */
function release(runs: readonly TaskRun[]): void {
  const byOrigin = Map.groupBy(runs, (run) => run.origin);
  for (const [origin, own] of byOrigin) origin.release(own.map((run) => run.taskId));
}
