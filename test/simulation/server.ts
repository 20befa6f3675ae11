/** The orchestrator's process in the simulated world: it is started, dies, stands still and is started again on one disk. */
import { createEngine, type Engine, ENGINE_DEFAULTS, type EngineSettings } from "../../actors/tree.ts";
import { type Blueprint, definitionOf } from "../../src/blueprint/index.ts";
import type { Catalog, Manifest } from "../../src/catalog/port.ts";
import { createInlineRunner } from "../../src/handlers/index.ts";
import type { HandlerRunner, Turn, TurnReply } from "../../src/handlers/port.ts";
import { jobStateText } from "../../src/job/state-text.ts";
import { createActorSystem } from "../../src/runtime/system.ts";
import type { Journal, Storage, Unit } from "../../src/storage/port.ts";
import { storeFull } from "../../src/storage/refusals.ts";
import { Refusal } from "../../src/system/errors.ts";
import type { StopSignal } from "../../src/system/stopping.ts";
import { createIds } from "../../src/system/ids.ts";
import type { System } from "../../src/system/index.ts";
import type { Service } from "../../src/system/lifecycle.ts";
import { createLog } from "../../src/system/log.ts";
import { ALL_FLOWS } from "./blueprints.ts";
import { playOn } from "./flow.ts";
import { Disk, type DiskFaults, type Fate } from "./disk.ts";
import { promise } from "./ledger.ts";
import { Process } from "./time.ts";
import type { World } from "./world.ts";

const DEFINITIONS = new Map(ALL_FLOWS.map(({ blueprint }) => [blueprint.name, definitionOf(blueprint)]));
const MANIFESTS = new Map(
  ALL_FLOWS.map(({ blueprint }): [string, Manifest] => [blueprint.name, manifestOf(blueprint)]),
);

const CATALOG: Catalog = {
  current: (name) => MANIFESTS.get(name),
  byPath: () => undefined,
  pinned: (_hash, name) => Promise.resolve(MANIFESTS.get(name)),
  list: () => [...MANIFESTS.values()],
  findings: () => [],
  refused: () => [],
  onChange: () => () => undefined,
};

function manifestOf(blueprint: Blueprint): Manifest {
  const { name, dataStores, concurrency, states: declared } = definitionOf(blueprint);
  const states = [...declared.values()].map(({ name: state, isStart, isEnd, isAggregator }) => {
    return { name: state, isStart, isEnd, isAggregator };
  });
  const none = { states, edges: [], dataStores, ...(concurrency && { concurrency }) };
  return { name, hash: `hash-of-${name}`, file: `${name}.ts`, apiVersion: "v1", start: "start", ...none };
}

export class Server {
  readonly disk = new Disk();
  readonly settings: EngineSettings;
  #process: Process | undefined;
  #engine: Engine | undefined;
  #schedules: Service | undefined;
  #isUp = false;
  #starts = 0;
  /** Jobs that this start could not read: what that was for comes back with the next sweep. */
  readonly #unread = new Set<string>();
  stoodStillMs = 0;
  #fullUntilMs = 0;

  constructor(readonly world: World) {
    const { chance, ledger } = world;
    this.settings = {
      ...ENGINE_DEFAULTS,
      keptMs: world.night.keptMs,
      handlerTimeoutMs: 3_000,
      handlerBackoffMs: chance.one(100, 2_000),
      cancelGraceMs: 3_000,
      workerTimeoutMs: 20_000,
      workerRecordMs: 15_000,
      workerReconnectMs: 2_000,
      jobIdleMs: chance.one(50, 1_000, 10_000),
      jobsInMemory: chance.one(2, 20_000),
      // Nothing, a task or two, or all of them.
      taskBytesInMemory: chance.one(0, 6_000, ENGINE_DEFAULTS.taskBytesInMemory),
      creationsAtOnce: chance.one(2, 10_000, 10_000),
      reputation: world.trust.rules,
    };
    this.disk.onDurable = (unit) => {
      world.hold(() => {
        ledger.durable(unit);
        world.stores.durable(unit);
        world.receivers.durable(unit);
        world.mishap?.durable(unit);
        for (const write of unit.jobs) world.operators.durable(write);
        for (const { job } of unit.jobs) world.timetable.durable(job);
      });
      for (const { job } of unit.jobs) {
        world.note(`disk ${job.id.slice(-6)} v${job.version} ${job.status} in ${job.state} visit ${job.visit}`);
      }
    };
    let hasDropped = false;
    this.disk.onStoreChangeDropped = () => {
      hasDropped = true;
      world.note("the disk refuses a job's unit, and what it would have changed of a data store");
    };
    this.disk.onDataConflict = () => {
      const { disk, slowDisk } = world.weather;
      const hasFailed = disk || slowDisk || hasDropped;
      world.note("the disk refuses what was made of a data store's change that failed");
      world.hold(() => promise(hasFailed, "a unit had read what nobody wrote, though no unit had failed before it"));
    };
  }

  /** Undefined: nobody answers. */
  get engine(): Engine | undefined {
    return this.#isUp && this.#process?.alive ? this.#engine : undefined;
  }

  get process(): Process | undefined {
    return this.#process?.alive ? this.#process : undefined;
  }

  boot(): void {
    const { world } = this;
    const process = new Process(world.time);
    this.#process = process;
    this.#isUp = false;
    this.#unread.clear();
    this.#starts += 1;
    world.note(`server starts for the ${this.#starts}. time`);
    process.onDeath(() => {
      // One that dies while it stands still has stood still for less than it was going to.
      this.stoodStillMs -= Math.max(0, process.stoodStillUntilMs - world.time.monotonicMs());
      this.#died();
    });
    this.#engine = this.#assemble(process);
    // Some do not live to see the end of their recovery.
    if (world.weather.crashes && this.#starts > 1 && world.isHappening(0.15)) {
      process.dieAfter(world.chance.between(1, 120));
    }
    this.#start(this.#engine).then(
      () => {
        if (process.alive) this.#isUp = true;
      },
      () => process.die(),
    );
    world.time.settle();
  }

  async #start(engine: Engine): Promise<void> {
    await engine.start();
    await this.#schedules?.start();
  }

  async #stop(engine: Engine): Promise<void> {
    await this.#schedules?.stop();
    await engine.stop();
  }

  #assemble(process: Process): Engine {
    const { world } = this;
    const { time, engineChance } = world;
    const log = createLog(({ level, message, fields }) => {
      if (process.alive) world.note(`log ${level} ${message} ${JSON.stringify(fields)}`);
    }, "warn");
    const system: System = {
      clock: time,
      timers: process,
      scheduler: process,
      random: engineChance,
      ids: createIds(time, engineChance),
      log,
    };
    const storage = this.disk.open({
      clock: time,
      scheduler: process,
      random: engineChance,
      faults: this.#diskFaults(process),
      onFatal: () => process.dieAfter(world.chance.between(0, 3)),
      pause: (ms) => process.pause(ms),
    });
    const inline = createInlineRunner({
      system,
      host: {
        async jobState(asking, id) {
          const job = await engine.jobState(asking, id);
          return job && jobStateText(job);
        },
        dataStores: { ask: (question) => engine.stores.ask(question) },
      },
      blueprint(_hash, name) {
        const definition = DEFINITIONS.get(name);
        return definition && { definition };
      },
    });
    const engine: Engine = createEngine({
      system,
      actors: createActorSystem(system),
      storage: withJournal(storage, this.#slowJournal(storage.journal, process)),
      catalog: CATALOG,
      runner: this.#threads(inline, process),
      sender: world.receivers.sender(process),
      settings: this.settings,
    });
    this.#schedules = world.timetable.of({ process, system, storage, engine });
    playOn({ enter: () => this.#enterHandler(process), falters: () => world.operators.falters() });
    return engine;
  }

  // ---- its end

  #died(): void {
    const { world } = this;
    world.note("server dies");
    this.#isUp = false;
    this.#engine = undefined;
    const downMs = world.chance.one(0, 10, 200, 1_500, 6_000);
    if (world.isHappening(0.3)) this.disk.losePower();
    world.time.at(downMs, () => {
      if (!this.process) this.boot();
    });
  }

  /** An orderly end, as for a new version. */
  deploy(): void {
    const process = this.process;
    const engine = this.engine;
    if (!process || !engine) return;
    this.world.note("server is stopped");
    this.#isUp = false;
    this.#stop(engine).then(
      () => process.after(5, () => process.die()),
      () => process.die(),
    );
    process.after(10_000, () => process.die());
  }

  fillDisk(forMs: number): void {
    this.world.note(`the disk is full for ${forMs} ms`);
    this.#fullUntilMs = this.world.time.monotonicMs() + forMs;
  }

  /** An operator takes a worker out of service for a while. */
  drain(workerId: string, forMs: number): void {
    const { world } = this;
    world.note(`worker ${workerId} is drained for ${forMs} ms`);
    const quiet = () => undefined;
    this.engine?.workers.drain(workerId).catch(quiet);
    const resume = (): void => {
      const { engine } = this;
      if (engine) engine.workers.resume(workerId).catch(quiet);
      else world.time.at(1_000, resume);
    };
    world.time.at(forMs, resume);
  }

  /** An operator has new jobs of a blueprint wait for a while. */
  pause(blueprint: string, forMs: number): void {
    const { world } = this;
    world.note(`blueprint ${blueprint} is paused for ${forMs} ms`);
    // Asked for before anybody is answered: no job can be newer by a clock that was set back.
    const isComparable = !world.weather.clock;
    this.engine?.blueprints.pause(blueprint).then(
      () => isComparable && world.ledger.gates.paused(blueprint, world.time.nowMs()),
      () => undefined,
    );
    const resume = (): void => {
      world.ledger.gates.resuming(blueprint);
      const again = () => void world.time.at(1_000, resume);
      const { engine } = this;
      if (engine) engine.blueprints.resume(blueprint).catch(again);
      else again();
    };
    world.time.at(forMs, resume);
  }

  /** Its process does nothing for a while. */
  standStill(forMs: number): void {
    const { process } = this;
    if (!process || process.stoodStillUntilMs > this.world.time.monotonicMs()) return;
    this.world.note(`server stands still for ${forMs} ms`);
    this.stoodStillMs += forMs;
    process.standStill(forMs);
  }

  // ---- what goes wrong inside

  #diskFaults(process: Process): DiskFaults {
    const { world } = this;
    return {
      fate: () => this.#fate(process),
      read: (jobId) => {
        if (!process.alive) return new Refusal("DEAD", 503, "the process is dead");
        if (world.weather.disk && world.isHappening(jobId === undefined ? 0.05 : 0.01)) {
          if (jobId !== undefined) this.#unread.add(jobId);
          return new Refusal("STORE_BUSY", 503, "the simulated disk does not answer this read");
        }
        return world.weather.slowDisk && world.isHappening(0.2) ? world.chance.delayMs(200) : 0;
      },
      write: () => {
        if (!process.alive) return new Refusal("DEAD", 503, "the process is dead");
        return world.weather.disk && world.isHappening(0.05) ? storeFull() : undefined;
      },
      died: () => process.die(),
    };
  }

  #fate(process: Process): Fate {
    const { world } = this;
    if (!process.alive) return "died-before";
    const isFull = world.time.monotonicMs() < this.#fullUntilMs;
    if (world.weather.disk && world.isHappening(isFull ? 1 : 0.02)) return "full";
    if (world.weather.disk && world.isHappening(0.003)) return "unknown";
    if (world.weather.crashes && world.isHappening(0.01)) {
      return world.chance.one("died-before", "died-unsynced", "died-after");
    }
    return "stored";
  }

  /** A store that answers late: durable long before anybody hears of it, or not even begun. */
  #slowJournal(journal: Journal, process: Process): Journal {
    const { world } = this;
    if (!world.weather.slowDisk) return journal;
    const commit = async (unit: Unit): Promise<void> => {
      const [beforeMs, afterMs] = [world.chance.delayMs(300), world.chance.delayMs(300)];
      if (world.isHappening(0.2)) await process.pause(beforeMs);
      await journal.commit(unit);
      if (world.isHappening(0.2)) await process.pause(afterMs);
    };
    return { commit, write: (unit, told) => void commit(unit).then(told.ok.bind(told), told.fail.bind(told)) };
  }

  #threads(inline: HandlerRunner, process: Process): HandlerRunner {
    const { world } = this;
    return {
      run: async (turn, signal) => {
        if (world.weather.threads && world.isHappening(0.1)) await process.pause(world.chance.delayMs(2_000));
        if (world.weather.defects && world.isHappening(0.02)) throw new Error("The simulated runner has a defect.");
        const reply = await this.#runTurn(inline, turn, signal);
        if (world.weather.threads && world.isHappening(0.1)) await process.pause(world.chance.delayMs(2_000));
        if (reply.ending.kind === "broke" && process.alive) world.ledger.broke(turn.jobId);
        return reply;
      },
    };
  }

  #runTurn(inline: HandlerRunner, turn: Turn, signal: StopSignal | undefined): Promise<TurnReply> {
    const { world } = this;
    if (!world.weather.threads || !world.isHappening(0.08)) return inline.run(turn, signal);
    const code = world.chance.one("HANDLER_THREAD_DIED", "HANDLER_BLOCKED");
    const error = { code, message: "The simulated thread is gone." };
    return Promise.resolve({ steps: [], ending: { kind: "broke", state: turn.state, error, alone: false } });
  }

  #enterHandler(process: Process): Promise<void> | undefined {
    const { world } = this;
    if (!world.weather.handlers) return undefined;
    if (world.isHappening(0.06)) throw new Error("The simulated handler throws.");
    if (world.isHappening(0.1)) world.time.block(world.chance.between(5, 30));
    return world.isHappening(0.15) ? process.pause(world.chance.delayMs(5_000)) : undefined;
  }

  // ---- what holds at all times

  get starts(): number {
    return this.#starts;
  }

  /** Something is left to the sweep. */
  get hasUnread(): boolean {
    return this.#unread.size > 0;
  }

  check(): void {
    const repairs = this.#engine?.repairs ?? 0;
    promise(repairs <= this.#unread.size, "the sweep had to set a job going that nothing would have moved");
  }
}

function withJournal(storage: Storage, journal: Journal): Storage {
  const { jobs, outbox, dataStores, retention, registers } = storage;
  return { journal, jobs, outbox, dataStores, retention, registers, close: () => storage.close() };
}
