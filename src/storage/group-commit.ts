/**
 * Many units, one sync: a journal over a writer that stores a group at a stroke. It knows no
 * database. What arrives while nothing is on its way is written once the input at hand is read;
 * what arrives meanwhile is the next group.
 */
import { isChildWait } from "../job/model.ts";
import type { Reply } from "../runtime/types.ts";
import type { Scheduler } from "../system/clock.ts";
import { messageOf, type Refusal } from "../system/errors.ts";
import type { Journal, Unit } from "./port.ts";
import { outcomeUnknown, storeClosed, storeFull, storeInvalid } from "./refusals.ts";

const UNITS_MAX = 256;
const BYTES_MAX = 4 * 1024 * 1024;

/** How a group ended. An index is the unit's place in the group. */
export type GroupOutcome =
  /** Durable, apart from the units that were refused before their first write. */
  | { readonly type: "stored"; readonly refused: ReadonlyMap<number, Refusal> }
  /** Rolled back because this unit cannot be written. */
  | { readonly type: "invalid"; readonly index: number; readonly reason: string }
  /** Rolled back for want of space. */
  | { readonly type: "full" }
  /** Nobody can tell. */
  | { readonly type: "unknown"; readonly error: unknown };

export interface GroupWriter {
  /** Later units of the group see what earlier ones wrote. A promise where another thread writes; it never rejects. */
  write(units: readonly Unit[]): GroupOutcome | Promise<GroupOutcome>;
}

export interface GroupJournalOptions {
  readonly writer: GroupWriter;
  readonly scheduler: Scheduler;
  /** Called once: the process must end, since nobody knows what is on disk. */
  readonly onFatal: (error: unknown) => void;
  readonly unitsMax?: number;
  readonly bytesMax?: number;
}

export interface GroupJournal extends Journal {
  /** Refuses what comes from now on; resolves when all that was accepted is settled. */
  close(): Promise<void>;
}

interface Waiting {
  readonly unit: Unit;
  readonly bytes: number;
  readonly told: Reply<void>;
}

export function createGroupJournal(options: GroupJournalOptions): GroupJournal {
  const { writer, scheduler, onFatal, unitsMax = UNITS_MAX, bytesMax = BYTES_MAX } = options;
  let queue: Waiting[] = [];
  let scheduled = false;
  /** Another thread has a group. */
  let writing = false;
  let failed: Refusal | undefined;
  let closing: PromiseWithResolvers<void> | undefined;

  function schedule(): void {
    if (scheduled || writing) return;
    scheduled = true;
    scheduler.afterInput(flush);
  }

  function flush(): void {
    scheduled = false;
    if (writing) return;
    const group = takeGroup();
    if (group.length > 0) settle(group);
    if (!writing) goOn();
  }

  /** Nothing is on its way: what arrived meanwhile is the next group. */
  function goOn(): void {
    if (queue.length > 0) schedule();
    else closing?.resolve();
  }

  function takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of queue) {
      bytes += waiting.bytes;
      // A unit that is too large alone still has to be written: it is a group of its own.
      if (count === unitsMax || (count > 0 && bytes > bytesMax)) break;
      count++;
    }
    const group = queue.slice(0, count);
    queue = queue.slice(count);
    return group;
  }

  function settle(group: readonly Waiting[]): void {
    const outcome = attempt(group);
    if (!(outcome instanceof Promise)) return conclude(group, outcome);
    writing = true;
    void outcome.then((settled) => {
      writing = false;
      conclude(group, settled);
      if (!writing) goOn();
    });
  }

  function conclude(group: readonly Waiting[], outcome: GroupOutcome): void {
    switch (outcome.type) {
      case "stored":
        return settleStored(group, outcome.refused);
      case "invalid": {
        const rest = leaveOut(group, outcome.index, outcome.reason);
        // A writer that names a unit that is not there would be asked for ever.
        if (rest.length === group.length) {
          return fail(group, new RangeError(`the writer named unit ${outcome.index} of a group of ${group.length}`));
        }
        return rest.length > 0 ? settle(rest) : undefined;
      }
      case "full":
        for (const waiting of group) waiting.told.fail(storeFull());
        return;
      case "unknown":
        return fail(group, outcome.error);
    }
  }

  function attempt(group: readonly Waiting[]): GroupOutcome | Promise<GroupOutcome> {
    try {
      return writer.write(group.map((waiting) => waiting.unit));
    } catch (error) {
      // A writer that throws has not said what it left on disk.
      return { type: "unknown", error };
    }
  }

  function fail(group: readonly Waiting[], error: unknown): void {
    const refusal = outcomeUnknown(messageOf(error));
    failed = refusal;
    const lost = [...group, ...queue];
    queue = [];
    for (const { told } of lost) told.fail(refusal);
    onFatal(error);
  }

  function write(unit: Unit, told: Reply<void>): void {
    if (failed) return told.fail(failed);
    if (closing) return told.fail(storeClosed());
    queue.push({ unit, bytes: bytesOf(unit), told });
    schedule();
  }

  return {
    commit(unit) {
      return new Promise((ok, fail) => write(unit, { ok, fail }));
    },
    write,
    close() {
      closing ??= Promise.withResolvers<void>();
      if (!scheduled && !writing) closing.resolve();
      return closing.promise;
    },
  };
}

function settleStored(group: readonly Waiting[], refused: ReadonlyMap<number, Refusal>): void {
  for (const [index, waiting] of group.entries()) {
    const refusal = refused.get(index);
    if (refusal) waiting.told.fail(refusal);
    else waiting.told.ok();
  }
}

function leaveOut(group: readonly Waiting[], bad: number, reason: string): readonly Waiting[] {
  group[bad]?.told.fail(storeInvalid(reason));
  return group.filter((_, index) => index !== bad);
}

/** The large texts only: close enough for a limit, and cheap. */
function bytesOf(unit: Unit): number {
  let bytes = unit.idempotency?.answer.length ?? 0;
  for (const write of unit.jobs) {
    const { job } = write;
    bytes += job.stateHistory.length + (job.merge?.length ?? 0);
    bytes += (job.aggregation?.length ?? 0) + (job.failedAggregation?.length ?? 0);
    bytes += job.task?.order.params.length ?? 0;
    if (write.expectedVersion === 0) bytes += job.initialData.length;
    for (const branch of write.branches ?? []) {
      const { wait, result } = branch;
      bytes += (wait && !isChildWait(wait) ? wait.order.params.length : 0) + (result?.json.length ?? 0);
    }
    for (const event of write.events) bytes += event.patch?.length ?? 0;
    for (const row of write.outbox ?? []) bytes += row.body.length;
  }
  for (const { writes } of unit.dataStores ?? []) {
    for (const [key, json] of writes) bytes += key.length + (json?.length ?? 0);
  }
  return bytes;
}
