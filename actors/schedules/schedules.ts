/**
 * All schedules of schedules.toml: they run by the wall clock, and the file is read again when it changes.
 * No timer is trusted for longer than a second, so that a machine that slept is up to date soon.
 */
import { misfit } from "../../src/schedules/fits.ts";
import { readSource } from "../../src/schedules/read.ts";
import type { Schedule } from "../../src/schedules/schedule.ts";
import type { ScheduleSource } from "../../src/schedules/source.ts";
import type { Registers } from "../../src/storage/port.ts";
import type { Cancel } from "../../src/system/clock.ts";
import { messageOf, Refusal } from "../../src/system/errors.ts";
import type { System } from "../../src/system/index.ts";
import type { Service } from "../../src/system/lifecycle.ts";
import { nearest, suggestion } from "../../src/system/nearest.ts";
import type { Schedules } from "../orchestrator.ts";
import { Ledger } from "./ledger.ts";
import { type RunParts, ScheduleRun } from "./run.ts";
import { begin, pause, resume, takeOut, type ScheduleState } from "./state.ts";

export interface SchedulesParts extends Pick<RunParts, "jobs" | "reader" | "catalog"> {
  readonly system: System;
  readonly registers: Pick<Registers, "schedules" | "saveSchedules">;
  /** Undefined: there are no schedules here. */
  readonly source: ScheduleSource | undefined;
  /** Of schedules that name none. */
  readonly serverZone: string;
}

const LOOK_MS = 1_000;

export function createSchedules(parts: SchedulesParts): Schedules & Service {
  const { system, source, catalog } = parts;
  const { clock, timers, log } = system;
  const ledger = new Ledger(parts.registers, system.scheduler);
  const runParts: RunParts = { ...parts, clock, log, ledger, moved };
  const runs = new Map<string, ScheduleRun>();
  /** As they stand in the file. */
  let order: readonly string[] = [];
  /** Of schedules that are not in the file now. */
  const others = new Map<string, ScheduleState>();
  let problem: string | undefined;
  let reloading: Promise<void> = Promise.resolve();
  let cancelLook: Cancel = () => undefined;
  let cancelWatch: Cancel = () => undefined;
  let isStopped = false;
  let isMoved = false;

  /** Throws what is wrong with the file, as it is now and with the blueprints that there are now. */
  async function readFile(): Promise<readonly Schedule[]> {
    const schedules = await readSource(source, parts.serverZone);
    for (const schedule of schedules) {
      const wrong = misfit(schedule, catalog);
      if (wrong === undefined) continue;
      throw new Refusal("WRONG_SCHEDULE", 400, `${source?.file}: [${schedule.name}] ${wrong}`);
    }
    return schedules;
  }

  async function apply(schedules: readonly Schedule[]): Promise<void> {
    const names = new Set(schedules.map(({ name }) => name));
    const gone = [...runs].filter(([name]) => !names.has(name));
    await Promise.all([...gone.map(([name, run]) => leave(name, run)), ...schedules.map(take)]);
    order = [...names];
  }

  async function take(schedule: Schedule): Promise<void> {
    const { name } = schedule;
    const run = runs.get(name);
    if (run) return run.change((state, nowMs) => begin(schedule, state, nowMs), schedule);
    const stored = others.get(name);
    const state = begin(schedule, stored, clock.nowMs());
    if (state !== stored) await ledger.save(name, state);
    const begun = new ScheduleRun(runParts, schedule, state);
    await begun.recover();
    others.delete(name);
    runs.set(name, begun);
  }

  async function leave(name: string, run: ScheduleRun): Promise<void> {
    await run.change((state) => {
      const left = takeOut(state);
      others.set(name, left);
      return left;
    });
    runs.delete(name);
  }

  /** Stored, and not in the file that the server began with: what was due while they were out is not missed. */
  async function forgetOthers(): Promise<void> {
    const on = [...others].filter(([, state]) => state.isOn);
    await Promise.all(on.map(([name, state]) => ledger.save(name, takeOut(state))));
    for (const [name, state] of on) others.set(name, takeOut(state));
  }

  /** One after the other: the file is looked at again and again, and operators may ask for it. */
  function reload(): Promise<void> {
    reloading = reloading.catch(() => undefined).then(readAgain);
    return reloading;
  }

  async function readAgain(): Promise<void> {
    try {
      const schedules = await readFile();
      if (source?.isThere() === false && runs.size > 0) throw gone(source.file);
      await apply(schedules);
      problem = undefined;
      log.info("The schedules were read again.", { file: source?.file, schedules: schedules.length });
    } catch (error) {
      sayProblem(messageOf(error));
      throw error;
    }
  }

  /** A file that was refused is read again even if it stays as it is: its blueprints may have come. */
  async function lookAtFile(isChanged: boolean): Promise<void> {
    // What is wrong was said.
    if (isChanged || problem !== undefined) await reload().catch(() => undefined);
  }

  function sayProblem(said: string): void {
    if (said !== problem)
      log.warn("The schedules could not be read again; they go on as they were.", { problem: said });
    problem = said;
  }

  function look(): void {
    if (isStopped) return;
    for (const run of runs.values()) run.look();
    arm();
  }

  /** Many move at the same moment: the next one is looked for once. */
  function moved(): void {
    if (isMoved) return;
    isMoved = true;
    system.scheduler.afterInput(() => {
      isMoved = false;
      arm();
    });
  }

  function arm(): void {
    cancelLook();
    if (isStopped) return;
    const nextMs = Math.min(...[...runs.values()].map((run) => run.nextMs ?? Number.POSITIVE_INFINITY));
    cancelLook = timers.after(Math.max(0, Math.min(LOOK_MS, nextMs - clock.nowMs())), look);
  }

  function find(name: string): ScheduleRun {
    const run = runs.get(name);
    if (run) return run;
    const names = [...runs.keys()];
    const near = nearest(name, names);
    const all =
      names.length === 0 ? "there is none at all: write them in schedules.toml" : `there are: ${names.join(", ")}`;
    const message = `There is no schedule named "${name}"${near === undefined ? `; ${all}.` : suggestion(name, names)}`;
    throw new Refusal("SCHEDULE_NOT_FOUND", 404, message, near === undefined ? undefined : { near: [near] });
  }

  return {
    async list() {
      const listed = order.flatMap((name) => runs.get(name) ?? []);
      const schedules = await Promise.all(listed.map((run) => run.view()));
      return { file: source?.file ?? "", problem, schedules };
    },
    trigger: async (name, idempotencyKey) => find(name).trigger(idempotencyKey),
    pause: async (name) => find(name).change(pause),
    async resume(name) {
      const run = find(name);
      if (!run.isEnabled) {
        const message = `Schedule ${name} is switched off in ${source?.file}: set enabled = true there.`;
        throw new Refusal("SCHEDULE_DISABLED", 409, message);
      }
      await run.change(resume);
    },
    async reload() {
      await reload();
      return source?.isThere() === true;
    },
    async start() {
      for (const [name, state] of await ledger.read()) others.set(name, state);
      await apply(await readFile());
      await forgetOthers();
      if (runs.size > 0) log.info("Schedules are running.", { file: source?.file, schedules: runs.size });
      if (!isStopped && source) cancelWatch = source.watch(lookAtFile);
      look();
    },
    async stop() {
      isStopped = true;
      cancelWatch();
      cancelLook();
      await Promise.all([...runs.values()].map((run) => run.rest()));
    },
  };
}

function gone(file: string): Refusal {
  return new Refusal("WRONG_SCHEDULE", 400, `${file} is gone: put it back, or leave it empty to have no schedules.`);
}
