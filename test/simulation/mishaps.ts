/**
 * Worlds about one fault of workers each. It happens in every one of them, for certain and mostly more
 * than once, beside whatever else goes wrong there; the world is not over before it has.
 */
import { isChildWait, isTerminal } from "../../src/job/model.ts";
import type { ResultAnswer } from "../../src/protocol/worker.ts";
import type { JobWrite, Unit } from "../../src/storage/port.ts";
import type { JsonMap } from "../../src/system/errors.ts";
import { Chance } from "./chance.ts";
import { promise } from "./promise.ts";
import type { Running, Worker } from "./worker.ts";
import type { Weather, World } from "./world.ts";

export const WORKER_KINDS = {
  "worker-killed": "A worker is killed with a task in hand, or with a result that nobody has acknowledged.",
  "worker-frozen": "A worker is frozen past its lease and woken: its task was given up, and it goes on with it.",
  "worker-late": "A worker answers after the task's time, and does not hear that it was told to end it.",
  "worker-twice": "A worker hands in a result again, at once or much later, or another one for the same task.",
  "worker-replaced": "A process that polls is killed with a task in hand, and others of its id are there or come.",
  "worker-clock": "A worker's clock is 10 minutes off, and it says so in all that it sends.",
} as const;

export type WorkerKind = keyof typeof WORKER_KINDS;

export function isWorkerKind(text: string): text is WorkerKind {
  return Object.hasOwn(WORKER_KINDS, text);
}

/** Jobs whose tasks the fault can befall. */
const FLOWS: Readonly<Record<WorkerKind, readonly [string, ...string[]]>> = {
  "worker-killed": ["one", "fan", "patient"],
  "worker-frozen": ["one", "fan", "patient"],
  "worker-late": ["hurried", "slow-fan"],
  "worker-twice": ["one", "three", "fan"],
  "worker-replaced": ["one", "fan", "patient"],
  "worker-clock": ["one", "slow-fan", "hurried"],
};

const FEED_MS = 3_000;
const PATIENCE_MS = 900_000;
const CLOCK_OFF_MS = 600_000;
/** The id of the processes that poll. */
const SHARED_ID = "gamma";
/** Two heartbeats, as often as they are asked for, and what it takes until the job has it in writing. */
const SOON_MS = 10_000;
/** What follows from the worker's clock would be further off than this; what the server waits for by itself is not. */
const NEAR_MS = CLOCK_OFF_MS / 2;

export class Mishap {
  happened = 0;
  readonly #chance: Chance;
  readonly #offMs: number;
  /** By job. */
  readonly #dates = new Map<string, Set<number>>();
  /** How often the server has answered a result of the task. */
  readonly #answers = new Map<string, number>();
  /** What processes had in hand when they were killed. */
  readonly #orphans = new Map<string, { readonly worker: Worker; readonly jobId: string }>();

  constructor(
    readonly world: World,
    readonly kind: WorkerKind,
  ) {
    this.#chance = new Chance(world.seed ^ 0x71d67fff);
    this.#offMs = this.#chance.one(-CLOCK_OFF_MS, CLOCK_OFF_MS);
  }

  /** No other fault of workers; and where clocks matter, those of the server are right. */
  static weather(kind: WorkerKind): Partial<Weather> {
    return {
      workers: false,
      ...(kind === "worker-clock" && { clock: false }),
      // Whose heartbeat comes later than the second one is rightly thought gone.
      ...(kind === "worker-replaced" && { lateness: false }),
    };
  }

  /** Whoever polls says which process it is. */
  get isAboutPollers(): boolean {
    return this.kind === "worker-replaced";
  }

  /** Beside the workers of every world. */
  plan(): void {
    if (!this.isAboutPollers) return;
    const { fleet, time } = this.world;
    for (let process = this.#chance.between(1, 3); process > 0; process--) {
      time.at(this.#chance.between(0, 4_000), () => fleet.hire(SHARED_ID, "poll"));
    }
  }

  /** Goes on until it has happened, with jobs for it to happen to. */
  await(step: () => void): void {
    const { time } = this.world;
    const untilMs = time.monotonicMs() + PATIENCE_MS;
    let feedAtMs = 0;
    while (this.happened === 0) {
      promise(time.monotonicMs() < untilMs, `${this.kind} did not happen`);
      if (time.monotonicMs() >= feedAtMs) {
        this.world.clients.create(this.#chance.one(...FLOWS[this.kind]));
        feedAtMs = time.monotonicMs() + FEED_MS;
      }
      step();
    }
  }

  // ---- what the workers ask

  /** A worker has a task that would take it so long: how long it takes. */
  taken(worker: Worker, running: Running, usualMs: number): number {
    if (!this.#isTurn()) return usualMs;
    switch (this.kind) {
      case "worker-killed":
      case "worker-replaced":
        worker.process.after(this.#chance.between(0, usualMs + 300), () => this.#kill(worker));
        return usualMs;
      case "worker-frozen":
        worker.process.after(this.#chance.between(0, usualMs), () => this.#freeze(worker));
        return usualMs;
      case "worker-late":
        return this.#lateMs(running) ?? usualMs;
      case "worker-twice":
      case "worker-clock":
        return usualMs;
    }
  }

  /** A worker has sent a result. */
  sent(worker: Worker, running: Running): void {
    if (this.kind !== "worker-twice" || !this.#isTurn()) return;
    for (let more = this.#chance.between(1, 2); more > 0; more--) {
      const isOther = this.#chance.is(0.3);
      worker.process.after(this.#chance.one(0, 5, 200, 2_000, 9_000), () => worker.sendMore(running, isOther));
    }
  }

  /** A process is known to the server: what others of its id had when they were killed is handed out again soon. */
  registered(worker: Worker): void {
    const { server, time, weather } = this.world;
    // Where the disk or the server stands still, or what the dead had said comes once more, it takes longer.
    if (weather.disk || weather.slowDisk || weather.stalls || weather.doubles || weather.defects) return;
    const { starts } = server;
    for (const [taskId, { worker: dead, jobId }] of this.#orphans) {
      if (dead.id !== worker.id) continue;
      time.at(SOON_MS, () => {
        if (server.starts !== starts || !server.engine) return;
        const job = server.disk.job(jobId);
        const isHeld = job !== undefined && !isTerminal(job.status) && job.task?.delivery?.taskId === taskId;
        this.world.hold(() => promise(!isHeld, `task ${taskId} still waits for a process that was killed`));
      });
    }
  }

  /** Whether workers say what time it is. */
  get isStamping(): boolean {
    return this.kind === "worker-clock";
  }

  /** In the spellings of all generations. */
  stamp(): JsonMap {
    if (!this.isStamping) return {};
    const atMs = this.world.time.nowMs() + this.#offMs;
    const iso = new Date(atMs).toISOString();
    const [picked_up_at, timestamp] = [iso, atMs / 1_000];
    return { timestamp, picked_up_at, last_heartbeat: timestamp, started_at: iso, updated_at: iso };
  }

  // ---- what comes of it

  answered(taskId: string, answer: ResultAnswer): void {
    const answers = (this.#answers.get(taskId) ?? 0) + 1;
    this.#answers.set(taskId, answers);
    const isLate = this.world.ledger.wasLost(taskId);
    promise(!isLate || answer.status === "ignored", `the result of task ${taskId} came too late and was taken`);
    if (this.kind === "worker-late" && isLate) this.#count(`the late result of ${taskId.slice(-8)} is answered`);
    if (this.kind === "worker-twice" && answers > 1) this.#count(`${taskId.slice(-8)} is answered again`);
    if (this.kind === "worker-clock" && answer.status !== "ignored") this.#count(`${taskId.slice(-8)} counts`);
  }

  /** No date in what is stored is the worker's. */
  durable(unit: Unit): void {
    if (this.kind !== "worker-clock") return;
    const nowMs = this.world.time.nowMs();
    for (const write of unit.jobs) {
      const known = this.#dates.get(write.job.id) ?? new Set();
      this.#dates.set(write.job.id, known);
      for (const atMs of datesIn(write)) {
        // What was there before is of its own time.
        if (known.has(atMs)) continue;
        known.add(atMs);
        const offMs = Math.abs(atMs - nowMs);
        promise(offMs < NEAR_MS, `job ${write.job.id} holds a date that is ${offMs} ms off`);
      }
    }
  }

  #isTurn(): boolean {
    return this.world.isBad && (this.happened === 0 || this.#chance.is(0.3));
  }

  #count(what: string): void {
    this.happened += 1;
    this.world.note(`${this.kind}: ${what}`);
  }

  #kill(worker: Worker): void {
    if (worker.running.size === 0 || !this.world.isBad) return;
    if (this.isAboutPollers && worker.id !== SHARED_ID) return;
    this.#count(`${worker.id} has ${worker.running.size} tasks`);
    for (const [taskId, { task, result }] of worker.running) {
      if (!result) this.#orphans.set(taskId, { worker, jobId: task.job_id });
    }
    worker.die();
  }

  #freeze(worker: Worker): void {
    const { world } = this;
    if (!world.isBad || worker.process.stoodStillUntilMs > world.time.monotonicMs()) return;
    const forMs = this.#chance.between(23_000, 40_000);
    worker.freezeLong(forMs);
    world.time.at(forMs, () => this.#awake(worker), worker.process);
  }

  #awake(worker: Worker): void {
    const given = [...worker.running.keys()].filter((taskId) => this.world.ledger.wasLost(taskId));
    if (given.length > 0) this.#count(`${worker.id} wakes, and ${given.length} of its tasks were given up`);
  }

  #lateMs(running: Running): number | undefined {
    const { timeout_seconds: seconds } = running.task;
    if (seconds === null) return undefined;
    running.isDeaf = true;
    return seconds * 1_000 + this.#chance.between(1_200, 8_000);
  }
}

function datesIn({ job, events, wakeAtMs, branches }: JobWrite): number[] {
  const { createdAtMs, updatedAtMs, enteredAtMs } = job;
  const waits = [job.task, ...(branches ?? []).map(({ wait }) => wait)];
  const inWaits = waits.flatMap((wait) => {
    if (!wait || isChildWait(wait)) return [];
    return [wait.queuedAtMs, wait.notBeforeMs, wait.delivery?.atMs];
  });
  const dates = [createdAtMs, updatedAtMs, enteredAtMs, wakeAtMs, ...inWaits, ...events.map(({ atMs }) => atMs)];
  return dates.flatMap((atMs) => atMs ?? []);
}
