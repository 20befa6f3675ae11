/**
 * Which rows of the outbox are sent now, and what becomes of each. A destination that does not
 * answer gets one try at a time, with rests between them: it takes nothing away from the others.
 */
import type { Delivery } from "../../src/notify/port.ts";
import type { OutboxChange, OutboxRow } from "../../src/storage/port.ts";

export interface OutboxRules {
  /** At once, in all. */
  readonly sends: number;
  /** At once, to one destination that answers. */
  readonly sendsEach: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** A row that could not be delivered for so long is given up. */
  readonly giveUpMs: number;
  readonly restMs: number;
  readonly restMaxMs: number;
}

export const OUTBOX_RULES: OutboxRules = {
  sends: 128,
  sendsEach: 4,
  backoffMs: 2_000,
  backoffMaxMs: 3_600_000,
  giveUpMs: 24 * 3_600_000,
  restMs: 1_000,
  restMaxMs: 60_000,
};

/** From here on a destination rests between two tries. */
const FAILURES_BEFORE_REST = 3;
const DESTINATIONS_MAX = 10_000;

interface Destination {
  sending: number;
  /** In a row, of the kind that says nothing about the row itself. */
  failures: number;
  restUntilMs: number;
}

/** What is under way, and how destinations have fared. In memory alone: the store knows which rows there are. */
export class Sending {
  readonly #rows = new Map<string, OutboxRow>();
  readonly #destinations = new Map<string, Destination>();

  constructor(readonly rules: OutboxRules) {}

  get count(): number {
    return this.#rows.size;
  }

  get room(): number {
    return this.rules.sends - this.#rows.size;
  }

  isUnderWay(row: OutboxRow): boolean {
    return this.#rows.has(row.id);
  }

  sendingTo(destination: string): number {
    return this.#destinations.get(destination)?.sending ?? 0;
  }

  /** How many more may go there now. */
  roomFor(destination: string, nowMs: number): number {
    const known = this.#destinations.get(destination);
    if (!known) return this.rules.sendsEach;
    if (known.restUntilMs > nowMs) return 0;
    return (known.failures > 0 ? 1 : this.rules.sendsEach) - known.sending;
  }

  /** Undefined: it does not rest. */
  restsUntilMs(destination: string, nowMs: number): number | undefined {
    const until = this.#destinations.get(destination)?.restUntilMs ?? 0;
    return until > nowMs ? until : undefined;
  }

  /** Those of the rows that may go now: they count as under way from here on. */
  begin(rows: readonly OutboxRow[], nowMs: number): readonly OutboxRow[] {
    return rows.filter((row) => {
      if (this.isUnderWay(row) || this.room <= 0 || this.roomFor(row.destination, nowMs) <= 0) return false;
      this.#rows.set(row.id, row);
      this.#destination(row.destination).sending += 1;
      return true;
    });
  }

  /** The other side has answered, or has not. */
  answered(row: OutboxRow, delivery: Delivery, nowMs: number): void {
    const destination = this.#destination(row.destination);
    if (delivery.type !== "failed" || delivery.isDown !== true) {
      destination.failures = 0;
      destination.restUntilMs = 0;
      return;
    }
    destination.failures += 1;
    const beyond = destination.failures - FAILURES_BEFORE_REST;
    if (beyond < 0) return;
    const { restMs, restMaxMs } = this.rules;
    destination.restUntilMs = nowMs + Math.min(restMaxMs, restMs * 2 ** beyond);
  }

  /** What became of the row is written: it may be sent again if it is still there. */
  end(row: OutboxRow): void {
    if (!this.#rows.delete(row.id)) return;
    const destination = this.#destinations.get(row.destination);
    if (!destination) return;
    destination.sending -= 1;
    if (destination.sending === 0 && destination.failures === 0) this.#destinations.delete(row.destination);
  }

  #destination(name: string): Destination {
    const known = this.#destinations.get(name);
    if (known) return known;
    this.#forgetOldest();
    const fresh = { sending: 0, failures: 0, restUntilMs: 0 };
    this.#destinations.set(name, fresh);
    return fresh;
  }

  /** A destination that is forgotten is tried as if it were new: no harm, and a limit to memory. */
  #forgetOldest(): void {
    if (this.#destinations.size < DESTINATIONS_MAX) return;
    for (const [name, { sending }] of this.#destinations) {
      if (sending > 0) continue;
      this.#destinations.delete(name);
      return;
    }
  }
}

export interface Moment {
  /** For what is due. */
  readonly nowMs: number;
  /** By people's clocks. */
  readonly atMs: number;
}

/** What is written of a row after a try. `chance`: 0 to 1. */
export function changesAfter(
  row: OutboxRow,
  delivery: Delivery,
  { nowMs, atMs }: Moment,
  rules: OutboxRules,
  chance: number,
): readonly OutboxChange[] {
  const { id } = row;
  if (delivery.type === "delivered") return [{ type: "remove", id }, ...(delivery.changes ?? [])];
  if (delivery.type === "later") {
    return [{ type: "put-off", id, attempts: row.attempts, dueAtMs: nowMs + delivery.afterMs, error: row.error }];
  }
  const { error, isFinal, retryAfterMs = 0 } = delivery;
  const attempts = row.attempts + 1;
  const waitMs = Math.max(backoffAfter(attempts, rules, chance), Math.min(retryAfterMs, rules.backoffMaxMs));
  const isTooLate = nowMs + waitMs - row.sinceMs > rules.giveUpMs;
  if (isFinal === true || isTooLate) return [{ type: "fail", id, attempts, atMs, error }];
  return [{ type: "put-off", id, attempts, dueAtMs: nowMs + waitMs, error }];
}

/** Twice as long each time, and not all at the same moment. */
function backoffAfter(attempts: number, { backoffMs, backoffMaxMs }: OutboxRules, chance: number): number {
  const wholeMs = Math.min(backoffMaxMs, backoffMs * 2 ** Math.min(attempts - 1, 30));
  return Math.round(wholeMs * (0.5 + chance / 2));
}
