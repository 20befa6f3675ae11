/**
 * One schedule while the server runs. What it does happens one after the other, and each due time gets one job:
 *
 * 1. The job is created under a key made of schedule, series and due time. The key does not expire: however long
 *    the server is away after this, the creation that is asked for again is answered with this job.
 * 2. Then the state moves past the due time, and the key is dropped in the same transaction. From here on the due
 *    time is not asked for any more, so that nobody needs the key.
 *
 * A crash between the two repeats the first one, which changes nothing. Memory follows what is on disk.
 */
import { type ClientFacts, isTerminal, type Job } from "../../src/job/model.ts";
import { type KnownBlueprints, misfit } from "../../src/schedules/fits.ts";
import type { Schedule } from "../../src/schedules/schedule.ts";
import type { JobReader } from "../../src/storage/port.ts";
import type { Clock } from "../../src/system/clock.ts";
import { messageOf, Refusal } from "../../src/system/errors.ts";
import { isoTime } from "../../src/system/iso.ts";
import type { Log } from "../../src/system/log.ts";
import type { Idempotency, Jobs, NewJob, ScheduleView } from "../orchestrator.ts";
import { decide } from "./decide.ts";
import { CLIENT_ID, type Ledger } from "./ledger.ts";
import { afterSetBack, afterSetForward, dueTimesOf, keyOf, type LeftOut, type ScheduleState } from "./state.ts";
import { viewOf } from "./view.ts";

export interface RunParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: Ledger;
  readonly jobs: Pick<Jobs, "create">;
  readonly reader: Pick<JobReader, "load" | "idempotent">;
  readonly catalog: KnownBlueprints;
  /** When it has to be looked at again may have changed. */
  readonly moved: () => void;
}

const RETRY_MS = 1_000;
const KEY_KEPT_MS = 100 * 366 * 86_400_000;

export class ScheduleRun {
  #schedule: Schedule;
  #state: ScheduleState;
  #nextMs: number | undefined;
  #error: string | undefined;
  #isBusy = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    readonly parts: RunParts,
    schedule: Schedule,
    state: ScheduleState,
  ) {
    this.#schedule = schedule;
    this.#state = state;
    // The first look decides.
    this.#nextMs = parts.clock.nowMs();
  }

  /** When to look at it; undefined: not before it says so itself. */
  get nextMs(): number | undefined {
    return this.#isBusy ? undefined : this.#nextMs;
  }

  get isEnabled(): boolean {
    return this.#schedule.enabled;
  }

  /** Runs what is due, unless it is at it already. */
  look(): void {
    const nowMs = this.parts.clock.nowMs();
    const isDue = this.#nextMs !== undefined && this.#nextMs <= nowMs;
    const isSetBack = this.#state.settledMs > nowMs;
    if (this.#isBusy || !(isDue || isSetBack)) return;
    this.#isBusy = true;
    void this.#inTurn(() => this.#run()).finally(() => {
      this.#isBusy = false;
      this.parts.moved();
    });
  }

  /** Resolves when nothing of it is under way. */
  async rest(): Promise<void> {
    await this.#turn;
  }

  /** Resolves when the change is durable. */
  change(next: (state: ScheduleState, nowMs: number) => ScheduleState, schedule = this.#schedule): Promise<void> {
    return this.#inTurn(async () => {
      const nowMs = this.parts.clock.nowMs();
      const state = next(this.#state, nowMs);
      if (state !== this.#state) await this.#keep(state);
      this.#schedule = schedule;
      this.#nextMs = nowMs;
      this.parts.moved();
    });
  }

  trigger(idempotencyKey: string | undefined): Promise<string> {
    return this.#inTurn(async () => {
      const { name } = this.#schedule;
      const problem = misfit(this.#schedule, this.parts.catalog);
      if (problem !== undefined)
        throw new Refusal("SCHEDULE_CANNOT_RUN", 409, `Schedule ${name} cannot run: ${problem}`);
      const idempotency =
        idempotencyKey === undefined ? undefined : { key: `${name}\n${idempotencyKey}`, bodyHash: name };
      const id = await this.#create({}, idempotency);
      await this.#keep({ ...this.#state, lastJobId: id }).catch((error: unknown) => {
        this.parts.log.warn("A schedule's newest job could not be noted.", { schedule: name, job: id, error });
      });
      return id;
    });
  }

  /**
   * What was under way when the server went down: the first due time after those that are settled. If it has its
   * job, it counts as run, whatever becomes of those that were missed since.
   */
  async recover(): Promise<void> {
    const { clock, reader } = this.parts;
    const dueMs = dueTimesOf(this.#schedule, this.#state).after(this.#state.settledMs);
    if (dueMs === undefined || dueMs > clock.nowMs()) return;
    const key = keyOf(this.#schedule, this.#state, dueMs);
    const answer = await reader.idempotent(CLIENT_ID, key, clock.nowMs());
    const [id] = answer ? (JSON.parse(answer.answer) as string[]) : [];
    if (id !== undefined) await this.#settle(dueMs, id, key);
  }

  async view(): Promise<ScheduleView> {
    const { catalog, clock } = this.parts;
    const job = await this.#lastJob();
    const error = misfit(this.#schedule, catalog) ?? this.#error;
    return viewOf(this.#schedule, this.#state, { status: job?.status, error, nowMs: clock.nowMs() });
  }

  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #run(): Promise<void> {
    const nowMs = this.parts.clock.nowMs();
    try {
      await this.#followClock(nowMs);
      const step = decide(this.#schedule, this.#state, nowMs);
      if (step.leftOutUntilMs !== undefined) await this.#leaveOut({ dueMs: step.leftOutUntilMs, reason: "missed" });
      for (const dueMs of step.run) await this.#fire(dueMs);
      this.#nextMs = step.nextMs;
      this.#error = undefined;
    } catch (error) {
      // The due time stays open: what becomes of it is for its policy to say, once it can run.
      this.#nextMs = nowMs + RETRY_MS;
      this.#sayOnce(messageOf(error));
    }
  }

  #sayOnce(problem: string): void {
    if (problem === this.#error) return;
    this.#error = problem;
    const { name } = this.#schedule;
    this.parts.log.warn("A schedule is due and cannot run; it is tried again each second.", {
      schedule: name,
      problem,
    });
  }

  async #followClock(nowMs: number): Promise<void> {
    const right = afterSetForward(this.#state, nowMs);
    if (right) await this.#keep(right);
    const back = afterSetBack(this.#schedule, this.#state, nowMs);
    if (!back) return;
    const { name: schedule } = this.#schedule;
    const fields = { schedule, settled_until: isoTime(this.#state.settledMs) };
    await this.#keep(back);
    const message = "The clock was set back far behind the last run of a schedule; it goes on from now.";
    this.parts.log.warn(message, fields);
  }

  async #fire(dueMs: number): Promise<void> {
    if (this.#schedule.overlap === "skip" && (await this.#isLastOpen())) {
      return this.#leaveOut({ dueMs, reason: "overlap" });
    }
    const problem = misfit(this.#schedule, this.parts.catalog);
    if (problem !== undefined) throw new Refusal("SCHEDULE_CANNOT_RUN", 409, problem);
    const key = keyOf(this.#schedule, this.#state, dueMs);
    // Under the same key it is the same run, even if the table's other words were changed in between.
    const idempotency = { key, bodyHash: "due", keptMs: KEY_KEPT_MS };
    await this.#settle(dueMs, await this.#create({ due_at: isoTime(dueMs) }, idempotency), key);
  }

  async #isLastOpen(): Promise<boolean> {
    const job = await this.#lastJob();
    return job !== undefined && !isTerminal(job.status);
  }

  async #lastJob(): Promise<Job | undefined> {
    const { lastJobId } = this.#state;
    return lastJobId === undefined ? undefined : this.parts.reader.load(lastJobId);
  }

  async #create(config: ClientFacts["config"], idempotency: Idempotency | undefined): Promise<string> {
    const { name, blueprint, initialData, options } = this.#schedule;
    const client: ClientFacts = { id: CLIENT_ID, plan: "system", config: { source: `scheduler:${name}`, ...config } };
    const job: NewJob = { blueprint, initialData, ...options };
    const [id] = await this.parts.jobs.create(client, [job], idempotency);
    if (id === undefined) throw new Refusal("NO_JOB", 500, "The creation was answered without a job.");
    return id;
  }

  async #settle(dueMs: number, jobId: string, key: string): Promise<void> {
    await this.#keep({ ...this.#state, settledMs: dueMs, lastDueMs: dueMs, lastJobId: jobId }, key);
    const { name } = this.#schedule;
    this.parts.log.debug("A schedule was due.", { schedule: name, due: isoTime(dueMs), job: jobId });
  }

  async #leaveOut(leftOut: LeftOut): Promise<void> {
    await this.#keep({ ...this.#state, settledMs: leftOut.dueMs, leftOut });
    const { name: schedule, missed } = this.#schedule;
    const due = isoTime(leftOut.dueMs);
    if (leftOut.reason === "missed") {
      const message = "Due times of a schedule passed while it could not run; they are left out.";
      return this.parts.log.info(message, { schedule, until: due, missed });
    }
    const message = "The job of a schedule's last run is still open; this run is left out.";
    this.parts.log.info(message, { schedule, due, job: this.#state.lastJobId });
  }

  async #keep(state: ScheduleState, settledKey?: string): Promise<void> {
    await this.parts.ledger.save(this.#schedule.name, state, settledKey);
    this.#state = state;
  }
}
