/**
 * Those whom the server tells what became of jobs, and whom it asks. They refuse, hang and answer too
 * late; what is on disk for them reaches them all the same, in order, and nothing else does.
 */
import { isTerminal } from "../../src/job/model.ts";
import type { Delivery, Sender } from "../../src/notify/port.ts";
import type { JobWrite, OutboxChange, OutboxRow, Unit } from "../../src/storage/port.ts";
import { Chance } from "./chance.ts";
import { promise } from "./ledger.ts";
import type { Process } from "./time.ts";
import type { World } from "./world.ts";

interface Known {
  readonly id: string;
  readonly lane: string;
  /** Its receiver has it. */
  arrived: boolean;
  /** The server has written that it is done with it. */
  over: boolean;
}

/** Of every so many jobs one is told of. */
const TOLD = 3;

export class Receivers {
  /** In the order in which they became durable. */
  readonly #rows = new Map<string, Known>();
  readonly #lanes = new Map<string, Known[]>();
  readonly #chance: Chance;
  readonly #isRough: boolean;

  constructor(readonly world: World) {
    // Chance of their own: worlds that tell nobody anything stay what they were.
    this.#chance = new Chance(world.seed ^ 0x2c1b3c6d);
    this.#isRough = this.#chance.is(0.5);
  }

  /** For some jobs. */
  addressFor(number: number): { readonly webhookUrl?: string } {
    return number % TOLD === 0 ? { webhookUrl: `https://receiver-${number % 2}.example/` } : {};
  }

  /** As the process sees them. */
  sender(process: Process): Sender {
    return {
      send: async (row) => {
        this.world.hold(() => this.#meet(row));
        const { world } = this;
        const chance = this.#chance;
        const isBad = () => this.#isRough && world.isBad;
        if (isBad() && chance.is(0.3)) await process.pause(chance.between(1, 15_000));
        if (isBad() && chance.is(0.3)) return this.#refuse(row, chance.is(0.5));
        this.#arrive(row);
        // It was taken, and nobody hears of it for a while, or ever.
        if (isBad() && chance.is(0.2)) await process.pause(chance.between(1, 15_000));
        return isBad() && chance.is(0.1) ? this.#refuse(row, true) : { type: "delivered" };
      },
    };
  }

  // ---- what becomes durable

  durable(unit: Unit): void {
    for (const write of unit.jobs) this.#write(write);
    for (const change of unit.outbox ?? []) this.#change(change);
  }

  #write({ job, events, outbox = [] }: JobWrite): void {
    const ends = endsOf(job, events);
    const told = outbox.filter(({ kind }) => kind === "webhook").length;
    const eventsOfWorkers = events.filter(({ type }) => type.startsWith("worker_event:")).length;
    const wanted = job.webhookUrl === undefined ? 0 : ends + eventsOfWorkers;
    promise(told === wanted, `job ${job.id} is ${job.status}, and ${told} messages tell of what ${wanted} would`);
    for (const { id, kind, destination = kind } of outbox) {
      promise(!this.#rows.has(id), `two messages have the id ${id}`);
      const known: Known = { id, lane: `${job.id} ${destination}`, arrived: false, over: false };
      this.#rows.set(id, known);
      this.#lanes.set(known.lane, [...(this.#lanes.get(known.lane) ?? []), known]);
    }
  }

  #change(change: OutboxChange): void {
    if (change.type !== "remove") return;
    const known = this.#rows.get(change.id);
    promise(known?.arrived, `message ${change.id} is gone, and nobody has it`);
    known.over = true;
  }

  // ---- what reaches them

  #meet(row: OutboxRow): void {
    const known = this.#rows.get(row.id);
    promise(known, `message ${row.id} was sent and is not on disk`);
    promise(!known.over, `message ${row.id} was sent again after it was done with`);
    const before = this.#lanes.get(known.lane)?.find((one) => !one.over);
    promise(before === known, `message ${row.id} was sent before ${before?.id}, which is older`);
  }

  #arrive(row: OutboxRow): void {
    this.world.note(`message ${row.id.slice(-6)} (${row.kind}) arrives`);
    const known = this.#rows.get(row.id);
    if (known) known.arrived = true;
  }

  #refuse(row: OutboxRow, isDown: boolean): Delivery {
    this.world.note(`message ${row.id.slice(-6)} (${row.kind}) is refused`);
    return { type: "failed", error: "It is not taken now.", isDown };
  }

  // ---- the end

  judge(): void {
    for (const { id, arrived, over } of this.#rows.values()) {
      promise(arrived && over, `message ${id} ${arrived ? "arrived and is still there" : "reached nobody"}`);
    }
  }
}

/** A job may fail, be retried and end again in one write: no end follows another without a retry between them. */
function endsOf(job: JobWrite["job"], events: JobWrite["events"]): number {
  let ends = 0;
  let isOver = false;
  for (const { type } of events) {
    if (type === "job_retried") isOver = false;
    if (type !== "job_completed" && type !== "job_failed") continue;
    promise(!isOver, `job ${job.id} ended again, and nobody had retried it`);
    isOver = true;
    ends += 1;
  }
  promise(!isOver || isTerminal(job.status), `job ${job.id} ended and is ${job.status}`);
  return ends;
}
