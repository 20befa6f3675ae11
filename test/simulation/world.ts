/** One simulated world: a server, its clients, its workers, all that goes wrong, and what must hold nevertheless. */
import { isDeepStrictEqual } from "node:util";
import { rebuildHistory } from "../../src/job/history.ts";
import { isTerminal, type Job, type JobEvent } from "../../src/job/model.ts";
import { ALL_FLOWS } from "./blueprints.ts";
import { Chance } from "./chance.ts";
import { Clients } from "./clients.ts";
import { Fleet } from "./fleet.ts";
import { Hints } from "./hints.ts";
import { LineUp } from "./line-up.ts";
import { Ledger, promise, PromiseBroken } from "./ledger.ts";
import { Mishap, type WorkerKind } from "./mishaps.ts";
import { Night } from "./night.ts";
import { Operators } from "./operators.ts";
import { People } from "./people.ts";
import { Receivers } from "./receivers.ts";
import { Server } from "./server.ts";
import { StoreModel } from "./store-model.ts";
import { Timetable } from "./timetable.ts";
import { Tellers } from "./tellers.ts";
import { VirtualTime } from "./time.ts";
import { rulesOf, Trust } from "./trust.ts";

/** What can go wrong in this world: each seed has its own mixture, so that rare pairs meet. */
export interface Weather {
  readonly crashes: boolean;
  readonly disk: boolean;
  readonly slowDisk: boolean;
  readonly loss: boolean;
  readonly doubles: boolean;
  readonly lateness: boolean;
  readonly workers: boolean;
  readonly failures: boolean;
  readonly handlers: boolean;
  readonly threads: boolean;
  readonly cancels: boolean;
  /** Who sends events, decides, and has failed jobs tried again. */
  readonly people: boolean;
  /** An operator has new jobs of some blueprints wait. */
  readonly pauses: boolean;
  readonly clock: boolean;
  readonly stalls: boolean;
  /** Actors that fail. */
  readonly defects: boolean;
}

export interface Report {
  readonly seed: number;
  /** Of all that happened, in order: the same for the same seed. */
  readonly hash: number;
  readonly jobs: number;
  readonly virtualMs: number;
  readonly events: number;
  /** How often the fault happened that the world is about. */
  readonly mishaps: number;
  /** What was broken; undefined: nothing. */
  readonly broken: string | undefined;
  readonly last: readonly string[];
}

export interface WorldOptions {
  readonly onEvent?: ((line: string) => void) | undefined;
  /** A world about this fault of workers, which happens in it for certain. */
  readonly kind?: WorkerKind | undefined;
}

const LAST_EVENTS = 60;
const PATIENCE_MS = 600_000;

export class World {
  readonly chance: Chance;
  readonly engineChance: Chance;
  readonly time = new VirtualTime();
  readonly weather: Weather;
  readonly ledger: Ledger;
  readonly stores = new StoreModel();
  readonly trust: Trust;
  readonly tellers: Tellers;
  readonly receivers: Receivers;
  readonly server: Server;
  readonly fleet: Fleet;
  readonly clients: Clients;
  readonly people: People;
  readonly operators: Operators;
  readonly hints: Hints;
  readonly timetable: Timetable;
  readonly night: Night;
  readonly lineUp: LineUp;
  readonly mishap: Mishap | undefined;
  #faulty = true;
  #hash = 0;
  #events = 0;
  #numbers = 0;
  readonly #last: string[] = [];

  constructor(
    readonly seed: number,
    readonly options: WorldOptions = {},
  ) {
    this.chance = new Chance(seed);
    this.engineChance = new Chance(seed ^ 0x5bd1e995);
    const { kind } = options;
    this.weather = { ...weatherOf(this.chance), ...(kind && Mishap.weather(kind)) };
    this.mishap = kind && new Mishap(this, kind);
    this.trust = new Trust(rulesOf(new Chance(seed ^ 0x2545f491)));
    this.tellers = new Tellers(this);
    this.fleet = new Fleet(this);
    this.ledger = new Ledger({
      monotonicMs: () => this.time.monotonicMs(),
      stoodStillMs: () => this.server.stoodStillMs,
      faultOf: (workerId, taskId) => this.fleet.faultOf(workerId, taskId),
      cancelGraceMs: 3_000,
      handlerRuns: 4,
    });
    this.receivers = new Receivers(this);
    this.night = new Night(this);
    this.server = new Server(this);
    this.clients = new Clients(this);
    this.lineUp = new LineUp(this);
    this.people = new People(this);
    this.operators = new Operators(this);
    this.hints = new Hints(this);
    this.timetable = new Timetable(this);
  }

  // ---- what the others ask of it

  /** Chance of something bad; never again once the bad time is over. */
  isHappening(probability: number): boolean {
    return this.chance.is(probability) && this.#faulty;
  }

  /** Things may still go wrong. */
  get isBad(): boolean {
    return this.#faulty;
  }

  nextNumber(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  delayMs(): number {
    return this.weather.lateness && this.#faulty ? this.chance.delayMs(3_000) : this.chance.between(0, 3);
  }

  /** Something reaches the server's door; while the server stands still it waits there. */
  arriving(delayMs: number, arrive: () => void): void {
    this.time.at(delayMs, () => {
      const untilMs = this.server.process?.stoodStillUntilMs ?? 0;
      const waitMs = untilMs - this.time.monotonicMs();
      if (waitMs > 0) this.time.at(waitMs, arrive);
      else arrive();
    });
  }

  note(what: string): void {
    const line = `${this.time.monotonicMs()} ${what}`;
    this.#hash = Bun.hash.xxHash32(line, this.#hash);
    this.#last[this.#events % LAST_EVENTS] = line;
    this.#events += 1;
    this.options.onEvent?.(line);
  }

  // ---- its course

  run(): Report {
    let broken: string | undefined;
    try {
      this.#play();
    } catch (error) {
      if (error instanceof PromiseBroken) broken = error.message;
      else broken = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const { seed } = this;
    const cut = this.#events % LAST_EVENTS;
    const last = this.#events < LAST_EVENTS ? this.#last : [...this.#last.slice(cut), ...this.#last.slice(0, cut)];
    const facts = { jobs: this.ledger.jobs.size, virtualMs: this.time.monotonicMs(), events: this.#events };
    const mishaps = this.mishap?.happened ?? 0;
    return { seed, hash: this.#hash, ...facts, mishaps, broken, last };
  }

  #play(): void {
    this.server.boot();
    this.#plan();
    const badUntilMs = this.chance.between(8_000, 30_000);
    while (this.time.monotonicMs() < badUntilMs) this.#step();
    this.mishap?.await(() => this.#step());
    this.#faulty = false;
    this.note("from here on nothing more goes wrong");
    this.timetable.end(() => this.#step());
    this.#awaitQuiet();
    this.lineUp.serve(() => this.#step());
    this.#awaitQuiet();
    this.#judge();
    if (this.night.keptMs !== undefined) this.#sleep();
  }

  /** What is old goes in the morning, while things go wrong once more; and what could not go then goes after the next start. */
  #sleep(): void {
    this.night.fall();
    this.#faulty = true;
    const badUntilMs = this.night.untilMs;
    while (this.time.monotonicMs() < badUntilMs) this.#step();
    this.#faulty = false;
    this.note("from here on nothing more goes wrong, again");
    this.#awaitQuiet();
    this.server.deploy();
    const calmUntilMs = this.night.untilMs;
    while (this.time.monotonicMs() < calmUntilMs) this.#step();
    this.lineUp.serve(() => this.#step());
    this.#awaitQuiet();
    this.night.judge();
    this.#judgeJobs();
  }

  #awaitQuiet(): void {
    const untilMs = this.time.monotonicMs() + PATIENCE_MS;
    while (!this.#isQuiet()) {
      promise(this.time.monotonicMs() < untilMs, this.#stuck());
      this.#step();
    }
  }

  #step(): void {
    if (!this.time.next()) throw new Error("nothing happens any more");
    this.#rethrow();
    this.server.check();
  }

  #caught: unknown;

  /** Checks in the middle of the engine's own work: what they throw must not be taken for an error of the engine. */
  hold(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#caught ??= error;
    }
  }

  #rethrow(): void {
    if (this.#caught !== undefined) throw this.#caught;
  }

  #plan(): void {
    const { chance, time, weather, fleet } = this;
    for (let creation = chance.between(2, 10); creation > 0; creation--) {
      time.at(chance.between(0, 12_000), () => this.clients.create());
    }
    this.lineUp.plan();
    this.operators.plan();
    this.hints.plan();
    this.timetable.plan();
    const ids = ["alpha", "beta"];
    for (let worker = chance.between(1, 3); worker > 0; worker--) {
      const id = chance.pick(ids) ?? "alpha";
      const kind = chance.one("stream", "stream", "poll");
      time.at(chance.between(0, 3_000), () => fleet.hire(id, kind));
    }
    this.mishap?.plan();
    const troubles: (() => void)[] = [];
    if (weather.crashes)
      troubles.push(
        () => this.server.process?.dieAfter(chance.between(0, 40)),
        () => this.server.deploy(),
      );
    if (weather.workers) {
      troubles.push(
        () => fleet.some?.die(),
        () => fleet.some?.breakConnection(),
        () => fleet.some?.freeze(chance.between(500, 12_000)),
        () => fleet.some?.release(),
        () => fleet.some?.drain(),
        () => this.server.drain("alpha", chance.between(1_000, 10_000)),
      );
    }
    if (weather.disk) troubles.push(() => this.server.fillDisk(chance.between(200, 6_000)));
    if (weather.pauses) {
      const paused = () => chance.one("single", "pair", "one", "child");
      troubles.push(() => this.server.pause(paused(), chance.between(500, 15_000)));
    }
    if (weather.clock) troubles.push(() => this.#shiftClock());
    if (weather.stalls) troubles.push(() => this.server.standStill(chance.between(200, 12_000)));
    if (troubles.length === 0) return;
    for (let count = chance.between(1, 10); count > 0; count--) {
      time.at(chance.between(0, 25_000), () => {
        if (this.#faulty) chance.pick(troubles)?.();
      });
    }
  }

  #shiftClock(): void {
    const byMs = this.chance.between(-20_000, 20_000);
    this.note(`the wall clock jumps by ${byMs} ms`);
    this.time.shiftWall(byMs);
  }

  // ---- its end

  #openJobs(): string[] {
    return [...this.server.disk.jobs].flatMap(([id, row]) => (isTerminal(row.status) ? [] : id));
  }

  #isQuiet(): boolean {
    if (this.clients.open + this.people.open > 0 || !this.server.engine?.ready) return false;
    if (this.server.disk.outbox.size > 0) return false;
    for (const [id, row] of this.server.disk.jobs) {
      if (isTerminal(row.status) || this.lineUp.isStanding(id)) continue;
      if (row.status !== "waiting_for_worker" || this.server.disk.job(id)?.blueprint !== "parked") return false;
    }
    return true;
  }

  #stuck(): string {
    const jobs = this.#openJobs().map((id) => `${id} (${this.server.disk.jobs.get(id)?.status})`);
    const messages = this.server.disk.outbox.size;
    if (messages > 0) jobs.push(`and ${messages} messages are not delivered`);
    return `${this.clients.open + this.people.open} requests have no answer; not over, long after all faults: ${jobs.join(", ")}`;
  }

  #judge(): void {
    this.clients.check();
    this.lineUp.judge();
    this.stores.judge(this.server.disk);
    this.receivers.judge();
    this.trust.judge(this.server.engine?.workers.list() ?? []);
    this.tellers.judge();
    this.#judgeJobs();
  }

  #judgeJobs(): void {
    for (const id of this.server.disk.jobs.keys()) {
      const job = this.server.disk.job(id);
      if (job) this.#judgeJob(job);
    }
  }

  #judgeJob(job: Job): void {
    const units = (this.server.disk.history.get(job.id) ?? []).map(({ version, text }) => ({
      version,
      events: JSON.parse(text) as JobEvent[],
    }));
    const history = rebuildHistory(job, units);
    const last = history.at(-1);
    const shown = last?.context_snapshot["state_history"];
    promise(
      isDeepStrictEqual(shown, JSON.parse(job.stateHistory)),
      `job ${job.id}: its history rebuilds to ${JSON.stringify(shown)}, it holds ${job.stateHistory}`,
    );
    const { status } = job;
    const { retries = 0, first = "start" } = this.ledger.jobs.get(job.id) ?? {};
    const asked = this.ledger.retriesAsked(job.id);
    promise(retries <= asked, `job ${job.id}: was retried ${retries} times, and ${asked} were asked for`);
    if (!isTerminal(status)) return this.#judgeParked(job);
    const end = status === "finished" ? "job_completed" : "job_failed";
    const ends = history.filter((event) => event.event_type === "job_completed" || event.event_type === "job_failed");
    promise(
      ends.length === 1 + retries && last?.event_type === end,
      `job ${job.id}: ${status}, and its history ends with ${last?.event_type}`,
    );
    promise(
      !job.task && !job.parallel && !job.handler && !job.child && !job.pause,
      `job ${job.id}: is over and waits for something`,
    );
    // One that did not begin at the start leaves out what comes before.
    if (status !== "finished" || first !== "start") return;
    const { count } = JSON.parse(job.initialData) as { count: number };
    const flow = ALL_FLOWS.find(({ blueprint }) => blueprint.name === job.blueprint);
    const expected = flow?.tokens(count);
    const { tokens = [] } = JSON.parse(job.stateHistory) as { tokens?: readonly string[] };
    // One that was mended, and retried by a person after that, has done both.
    const isMendedTwice = job.blueprint === "mending" && retries > 0;
    promise(
      expected === undefined || tokens.length === expected || isMendedTwice,
      `job ${job.id}: finished with ${tokens.length} results of ${expected}`,
    );
    promise(
      tokens.length >= (flow?.least ?? 0),
      `job ${job.id}: finished with ${tokens.length} results, which is not enough`,
    );
  }

  /** Waits for something named: anybody who asks is told. */
  #judgeParked(job: Job): void {
    let shown: string | undefined;
    this.server.engine?.jobs.read(undefined, job.id).then(
      ({ tasks }) => {
        shown = tasks.map((task) => `${task.wait.order.type} ${task.status}`).join(" ");
      },
      (error: unknown) => {
        shown = String(error);
      },
    );
    this.time.settle();
    promise(shown === "nobody queued", `job ${job.id}: waits for nobody's task, and shows "${shown}"`);
  }
}

function weatherOf(chance: Chance): Weather {
  const often = () => chance.is(0.5);
  const isFair = chance.is(0.05);
  const is = () => often() && !isFair;
  return {
    crashes: is(),
    disk: is(),
    slowDisk: is(),
    loss: is(),
    doubles: is(),
    lateness: is(),
    workers: is(),
    failures: often(),
    handlers: is(),
    threads: is(),
    cancels: often(),
    people: often(),
    clock: is(),
    stalls: is(),
    defects: is(),
    pauses: is(),
  };
}
