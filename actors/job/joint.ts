/**
 * Jobs that are made together: all of them or none. Each runs its first handler, and what came of
 * that goes to the disk with the creations, in one unit.
 */
import type { TurnReply } from "../../src/handlers/port.ts";
import type { IdempotencyWrite, Journal, JobWrite, Unit } from "../../src/storage/port.ts";
import type { Reply } from "../../src/runtime/types.ts";
import { assert } from "../../src/system/errors.ts";

/** What first handlers may add to the unit. A job for which there is no room is written as it was made, and goes on after that. */
const CHARS_MAX = 1024 * 1024;

export class JointCreation implements Pick<Journal, "write"> {
  readonly written: Promise<void>;
  readonly #written = Promise.withResolvers<void>();
  readonly #journal: Journal;
  readonly #idempotency: IdempotencyWrite | undefined;
  readonly #writes: JobWrite[] = [];
  #missing: number;
  #chars = 0;
  #isOver = false;

  /** `isPlain`: no first handler is waited for. */
  constructor(
    journal: Journal,
    jobs: number,
    idempotency: IdempotencyWrite | undefined,
    readonly isPlain = false,
  ) {
    this.#journal = journal;
    this.#missing = jobs;
    this.#idempotency = idempotency;
    this.written = this.#written.promise;
    // Each of the jobs hears of it as well.
    this.written.catch(() => undefined);
  }

  /** Whether a first turn may go into the same unit. Of data stores it is judged at the moment of its own commit. */
  takes({ ending, stateHistory, dataStores, again }: TurnReply): boolean {
    if (this.isPlain || dataStores !== undefined || again === true) return false;
    if (ending.kind === "tasks" && ending.orders.length !== 1) return false;
    if (ending.kind === "tasks" && ending.children !== undefined && ending.children.length > 0) return false;
    const params = ending.kind === "tasks" ? (ending.orders[0]?.params.length ?? 0) : 0;
    // The history is told twice: as it is, and what changed in it.
    const chars = params + 2 * (stateHistory?.length ?? 0);
    if (this.#chars + chars > CHARS_MAX) return false;
    this.#chars += chars;
    return true;
  }

  /** One job's part. On disk when those of all others are. */
  write({ jobs, dataStores }: Unit, told: Reply<void>): void {
    assert(dataStores === undefined, "what a first turn did with data stores is not written with other jobs");
    this.written.then(
      () => told.ok(),
      (error: unknown) => told.fail(error),
    );
    if (this.#isOver) return;
    this.#writes.push(...jobs);
    this.#missing -= 1;
    if (this.#missing === 0) this.#write();
  }

  /** One of them cannot be made: none is. Says nothing once they are on their way to the disk. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#written.reject(error);
  }

  #write(): void {
    this.#isOver = true;
    this.#journal
      .commit({ jobs: this.#writes, idempotency: this.#idempotency })
      .then(this.#written.resolve, this.#written.reject);
  }
}
