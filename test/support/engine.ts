/** The whole engine in virtual time: a real store, real blueprints, and a disk, a clock and workers that a test commands. */
import type { DispatcherMessage } from "../../actors/dispatcher/messages.ts";
import type { GateMessage } from "../../actors/gate/messages.ts";
import { createEngine, type Engine, ENGINE_DEFAULTS, type EngineSettings } from "../../actors/tree.ts";
import type { JobView, NewJob } from "../../actors/orchestrator.ts";
import type { Blueprint } from "../../src/blueprint/index.ts";
import { createInlineRunner } from "../../src/handlers/index.ts";
import type { HandlerRunner } from "../../src/handlers/port.ts";
import type { HistoryEvent } from "../../src/job/history.ts";
import { jobStateText } from "../../src/job/state-text.ts";
import type { Sender } from "../../src/notify/port.ts";
import { createActorSystem } from "../../src/runtime/system.ts";
import type { ActorSystem, DeadLetter, Props, Ref, Region, RegionProps } from "../../src/runtime/types.ts";
import type { Reply } from "../../src/runtime/types.ts";
import type { JobReader, Journal, Storage, Unit } from "../../src/storage/port.ts";
import { openSqliteStorage } from "../../src/storage/sqlite/index.ts";
import { createIds } from "../../src/system/ids.ts";
import type { System } from "../../src/system/index.ts";
import type { LogLine } from "../../src/system/log.ts";
import { capturedLog } from "./captured-log.ts";
import { ManualTime } from "./manual-time.ts";
import { Versions } from "./versions.ts";

export const CLIENT = { id: "client", config: {} };

/** The disk as the engine sees it: it can be held up, and it can refuse. */
export class Disk implements Journal {
  /** Units that became durable. */
  readonly units: Unit[] = [];
  /** Asked for each unit: an error refuses it. */
  refuse: (unit: Unit) => Error | undefined = () => undefined;
  #held: (() => void)[] | undefined;

  constructor(readonly journal: Journal) {}

  /** From now on nothing is written until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  get waiting(): number {
    return this.#held?.length ?? 0;
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  async commit(unit: Unit): Promise<void> {
    const held = this.#held;
    if (held) await new Promise<void>((resolve) => void held.push(resolve));
    const error = this.refuse(unit);
    if (error) throw error;
    await this.journal.commit(unit);
    this.units.push(unit);
  }

  write(unit: Unit, told: Reply<void>): void {
    this.commit(unit).then(told.ok.bind(told), told.fail.bind(told));
  }

  /** Units of work that a job took so far. */
  unitsOf(jobId: string): readonly Unit[] {
    return this.units.filter((unit) => unit.jobs.some((write) => write.job.id === jobId));
  }
}

/** Chance that is the same in every run. */
function countingRandom() {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
  return { next, bytes: (count: number) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)) };
}

export interface WorldOptions {
  /** Left out: nothing is kept over a crash. */
  readonly folder?: string;
  readonly blueprints: readonly Blueprint[];
  readonly settings?: Partial<EngineSettings>;
  readonly runner?: (inline: HandlerRunner) => HandlerRunner;
  /** Left out: all that leaves the process arrives. */
  readonly sender?: Sender;
  /** Told when the end of a job is durable. */
  readonly ended?: (jobId: string) => void;
}

interface Server {
  readonly storage: Storage;
  readonly disk: Disk;
  readonly actors: Overheard;
  readonly engine: Engine;
}

/** The actor system, with a way to the dispatcher and the gates past everybody else. */
class Overheard implements ActorSystem {
  #dispatcher: Ref<DispatcherMessage> | undefined;
  gates: Ref<GateMessage> | undefined;

  constructor(readonly actors: ActorSystem) {}

  get dispatcher(): Ref<DispatcherMessage> {
    if (!this.#dispatcher) throw new Error("the engine has no dispatcher");
    return this.#dispatcher;
  }

  spawn<Message>(props: Props<Message>): Ref<Message> {
    const ref = this.actors.spawn(props);
    if (props.name === "dispatcher") this.#dispatcher = ref as unknown as Ref<DispatcherMessage>;
    if (props.name === "gates") this.gates = ref as unknown as Ref<GateMessage>;
    return ref;
  }

  region<Message>(props: RegionProps<Message>): Region<Message> {
    return this.actors.region(props);
  }

  ask<Message, Answer>(...question: Parameters<typeof this.actors.ask<Message, Answer>>): Promise<Answer> {
    return this.actors.ask<Message, Answer>(...question);
  }

  onDeadLetter(listener: (letter: DeadLetter) => void): () => void {
    return this.actors.onDeadLetter(listener);
  }

  get deadLetters(): number {
    return this.actors.deadLetters;
  }

  stop(): Promise<void> {
    return this.actors.stop();
  }
}

/** One server after another on the same store and the same clock. */
export class World {
  readonly time = new ManualTime();
  readonly versions: Versions;
  readonly lines: LogLine[];
  readonly system: System;
  readonly fatal: unknown[] = [];
  /** Asked for each read about jobs, by its name: an error refuses it. It outlives a restart. */
  refuseRead: (name: string) => Error | undefined = () => undefined;
  #server: Server | undefined;

  private constructor(readonly options: WorldOptions) {
    this.versions = new Versions(options.blueprints);
    const { log, lines } = capturedLog();
    this.lines = lines;
    const random = countingRandom();
    const { time } = this;
    this.system = { clock: time, timers: time, scheduler: time, random, ids: createIds(time, random), log };
  }

  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options);
    await world.#boot();
    return world;
  }

  get engine(): Engine {
    return this.#running.engine;
  }

  get disk(): Disk {
    return this.#running.disk;
  }

  get actors(): ActorSystem {
    return this.#running.actors;
  }

  get storage(): Storage {
    return this.#running.storage;
  }

  get #running() {
    if (!this.#server) throw new Error("the server is down");
    return this.#server;
  }

  async #boot(): Promise<void> {
    const { options, system, time } = this;
    const opening = openSqliteStorage({
      folder: options.folder ?? ":memory:",
      ...system,
      onFatal: (error) => void this.fatal.push(error),
      programVersion: "0",
      ballastBytes: 0,
    });
    const storage = await this.done(opening);
    const disk = new Disk(storage.journal);
    const actors = new Overheard(createActorSystem(system));
    const inline = createInlineRunner({
      system,
      host: {
        async jobState(asking, id) {
          const job = await engine.jobState(asking, id);
          return job && jobStateText(job);
        },
        dataStores: { ask: (question) => engine.stores.ask(question) },
      },
      blueprint: (hash) => {
        const definition = this.versions.definition(hash);
        return definition && { definition };
      },
    });
    const engine: Engine = createEngine({
      system,
      actors,
      storage: {
        ...storage,
        journal: disk,
        jobs: this.#readingOf(storage.jobs),
        registers: storage.registers,
        close: () => storage.close(),
      },
      catalog: this.versions,
      runner: options.runner?.(inline) ?? inline,
      sender: options.sender ?? { send: async () => ({ type: "delivered" }) },
      ended: options.ended,
      settings: { ...ENGINE_DEFAULTS, outboxStopMs: 0, ...options.settings },
    });
    this.#server = { storage, disk, actors, engine };
    await this.done(engine.start());
    await time.settle();
  }

  /** The store's reads as the engine sees them: each may be refused. */
  #readingOf(reader: JobReader): JobReader {
    return new Proxy(reader, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...values: unknown[]) => {
          const error = this.refuseRead(String(name));
          return error ? Promise.reject(error) : Reflect.apply(value, target, values);
        };
      },
    });
  }

  /** The process dies: what is not durable is gone. Held commits never happen. */
  async crash(): Promise<void> {
    const { disk, engine, storage } = this.#running;
    this.#server = undefined;
    disk.refuse = () => new Error("the process is dead");
    disk.release();
    await this.done(engine.stop());
    await this.done(storage.close());
  }

  /** Dies, if it has not, and is started again. */
  async restart(): Promise<void> {
    await this.stop();
    await this.#boot();
  }

  async stop(): Promise<void> {
    if (this.#server) await this.crash();
  }

  /** Lets the world run until the promise settles, without moving time. */
  async done<Value>(promise: Promise<Value>): Promise<Value> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    for (let turn = 0; turn < 1_000; turn++) {
      await this.time.settle();
      if (settled) return promise;
    }
    throw new Error("what was awaited did not come without time moving");
  }

  /** What it was refused with. */
  async refused(promise: Promise<unknown>): Promise<unknown> {
    try {
      await this.done(promise);
    } catch (error) {
      return error;
    }
    throw new Error("a refusal was expected");
  }

  /** Moves time in steps, and lets promises settle at each. */
  async pass(ms: number, stepMs = 50): Promise<void> {
    await this.time.settle();
    for (let left = ms; left > 0; left -= stepMs) {
      this.time.advance(Math.min(stepMs, left));
      await this.time.settle();
    }
  }

  /** As if the queue had forgotten the job: what only the sweep can repair. */
  loseQueuedTasks(id: string): void {
    this.#running.actors.dispatcher.tell({ type: "drop", jobId: id, visit: 1, slot: 0 });
  }

  /** As if a job had said so, or nobody. */
  tellGates(message: GateMessage): void {
    this.#running.actors.gates?.tell(message);
  }

  async create(blueprint: string, input: object = {}, more: Partial<NewJob> = {}): Promise<string> {
    const creating = this.engine.jobs.create(CLIENT, [{ blueprint, initialData: JSON.stringify(input), ...more }]);
    const [id] = await this.done(creating);
    if (id === undefined) throw new Error("a creation answered without an id");
    await this.time.settle();
    return id;
  }

  view(id: string): Promise<JobView> {
    return this.done(this.engine.jobs.read(undefined, id));
  }

  async status(id: string): Promise<string> {
    return (await this.view(id)).job.status;
  }

  async stateHistory(id: string): Promise<Record<string, unknown>> {
    return JSON.parse((await this.view(id)).job.stateHistory) as Record<string, unknown>;
  }

  history(id: string): Promise<readonly HistoryEvent[]> {
    return this.done(this.engine.jobs.history(undefined, id, 0, 100_000));
  }

  async eventTypes(id: string): Promise<readonly string[]> {
    return (await this.history(id)).map((event) => event.event_type);
  }

  warnings(): readonly string[] {
    return this.lines.filter((line) => line.level === "warn" || line.level === "error").map((line) => line.message);
  }
}
