/**
 * A schedule that goes on through all that goes wrong: each of its due times gets one job, none is left out, and what
 * somebody asks for under a key is one job as well.
 */
import type { Engine } from "../../actors/tree.ts";
import { createSchedules } from "../../actors/schedules/schedules.ts";
import { CLIENT_ID } from "../../actors/schedules/ledger.ts";
import type { Schedules } from "../../actors/orchestrator.ts";
import type { Job } from "../../src/job/model.ts";
import type { ScheduleSource } from "../../src/schedules/source.ts";
import type { Storage } from "../../src/storage/port.ts";
import type { Service } from "../../src/system/lifecycle.ts";
import type { System } from "../../src/system/index.ts";
import { Chance } from "./chance.ts";
import { promise } from "./promise.ts";
import type { Process } from "./time.ts";
import type { World } from "./world.ts";

const NAME = "ticking";
const LOOK_MS = 1_000;
/** Made up for, if it was long away. */
const PATIENCE_MS = 120_000;

export interface TimetableParts {
  readonly process: Process;
  readonly system: System;
  readonly storage: Storage;
  readonly engine: Engine;
}

export class Timetable {
  readonly #chance: Chance;
  readonly #isThere: boolean;
  readonly #everySeconds: number;
  readonly #flow: string;
  /** By due time. */
  readonly #jobs = new Map<number, string>();
  readonly #triggered = new Map<string, string>();
  #isEnabled = true;
  #running: { readonly schedules: Schedules; readonly process: Process } | undefined;

  constructor(readonly world: World) {
    // Chance of its own: worlds without a schedule stay what they were.
    this.#chance = new Chance(world.seed ^ 0x5c4ed47);
    this.#isThere = this.#chance.is(0.3);
    this.#everySeconds = this.#chance.between(2, 6);
    this.#flow = this.#chance.one("one", "counting", "nap");
  }

  plan(): void {
    if (!this.#isThere) return;
    for (let count = this.#chance.between(0, 3); count > 0; count--) {
      const key = `trigger-${this.#chance.between(1, 2)}`;
      this.world.time.at(this.#chance.between(0, 20_000), () => this.#trigger(key));
    }
  }

  /** With the server's process; it is started and stopped with it. Undefined: there is none in this world. */
  of({ process, system, storage, engine }: TimetableParts): Service | undefined {
    if (!this.#isThere) return undefined;
    const { jobs: reader, registers } = storage;
    const { jobs, catalog } = engine;
    const source = this.#source(process);
    const schedules = createSchedules({ system, jobs, reader, registers, catalog, source, serverZone: "UTC" });
    this.#running = { schedules, process };
    return schedules;
  }

  #source(process: Process): ScheduleSource {
    let read: string | undefined;
    return {
      file: "schedules.toml",
      read: async () => (read = this.#text()),
      isThere: () => true,
      watch: (look) => {
        let isOver = false;
        const arm = () => {
          if (!isOver) process.after(LOOK_MS, () => void look(this.#text() !== read).finally(arm));
        };
        arm();
        return () => {
          isOver = true;
        };
      },
    };
  }

  #text(): string {
    const data = '{ request = -1, index = 0, count = 2, until = "2026-01-01T00:00:00Z" }';
    const timing = `interval_seconds = ${this.#everySeconds}\nmissed = "all"`;
    return `[${NAME}]\nblueprint = "${this.#flow}"\n${timing}\nenabled = ${this.#isEnabled}\ninitial_data = ${data}\n`;
  }

  /** Sent again under its key until somebody says what came of it. */
  #trigger(key: string): void {
    const again = () => void this.world.time.at(this.#chance.between(500, 2_000), () => this.#trigger(key));
    const { schedules, process } = this.#running ?? {};
    if (!schedules || !process?.alive || !this.world.server.engine) return again();
    process.onDeath(() => {
      if (!this.#triggered.has(key)) again();
    });
    schedules.trigger(NAME, key).then(
      (id) => this.world.hold(() => this.#triggeredAs(key, id)),
      () => process.alive && again(),
    );
  }

  #triggeredAs(key: string, id: string): void {
    promise(this.world.ledger.jobs.has(id), `the job ${id} of ${NAME} was acknowledged and is not on disk`);
    promise((this.#triggered.get(key) ?? id) === id, `${NAME} was triggered once under ${key}, and made two jobs`);
    this.#triggered.set(key, id);
  }

  /** A key lives for a day. */
  forgetKeys(): void {
    this.#triggered.clear();
  }

  // ---- what becomes durable

  durable(job: Job): void {
    if (job.version !== 1 || job.client.id !== CLIENT_ID || job.rerunOf !== undefined) return;
    const { due_at: due } = job.client.config;
    if (typeof due !== "string") return;
    const dueMs = Date.parse(due);
    const before = this.#jobs.get(dueMs);
    promise(
      before === undefined || this.#mayRepeat,
      `${NAME} was due at ${due} once, and made ${before} and ${job.id}`,
    );
    this.#jobs.set(dueMs, job.id);
  }

  /** A clock that is set back far makes the interval begin anew. */
  get #mayRepeat(): boolean {
    return this.world.weather.clock;
  }

  // ---- its end

  /** Nothing goes wrong any more: it has made up for what was due, and is switched off then. */
  end(step: () => void): void {
    if (!this.#isThere) return;
    const { time } = this.world;
    const untilMs = time.monotonicMs() + PATIENCE_MS;
    const isBehind = () => Math.max(...this.#jobs.keys()) < time.nowMs() - this.#everySeconds * 1_000;
    const settleMs = time.monotonicMs() + 2_000 * this.#everySeconds;
    while (time.monotonicMs() < settleMs || isBehind()) {
      promise(time.monotonicMs() < untilMs, `${NAME} is due and makes no jobs any more`);
      step();
    }
    this.#isEnabled = false;
    const offMs = time.monotonicMs() + 3 * LOOK_MS;
    while (time.monotonicMs() < offMs) step();
    if (!this.#mayRepeat) this.#judge();
  }

  #judge(): void {
    const dueMs = [...this.#jobs.keys()].toSorted((a, b) => a - b);
    for (const [index, ms] of dueMs.slice(1).entries()) {
      const gapMs = ms - (dueMs[index] ?? 0);
      promise(
        gapMs === this.#everySeconds * 1_000,
        `${NAME} is due every ${this.#everySeconds} s, and ${gapMs} ms lie before ${new Date(ms).toISOString()}`,
      );
    }
  }
}
