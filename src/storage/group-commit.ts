/**
 * Many units, one sync: a journal over a writer that stores a group at a stroke. It knows no
 * database. What arrives while nothing is on its way is written once the input at hand is read;
 * what arrives meanwhile is the next group.
 */
import { isChildWait } from "../job/model.ts";
import type { Reply } from "../runtime/types.ts";
import type { Scheduler } from "../system/clock.ts";
import { messageOf, type Refusal } from "../system/errors.ts";
import type { BranchWrite, Journal, JobWrite, Unit } from "./port.ts";
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

/** Units that are written at a stroke, and who waits for each: two lists in the same order. */
interface Group {
  readonly units: readonly Unit[];
  readonly waiting: readonly Reply<void>[];
}

interface OpenGroup extends Group {
  readonly units: Unit[];
  readonly waiting: Reply<void>[];
  bytes: number;
}

export function createGroupJournal(options: GroupJournalOptions): GroupJournal {
  const { writer, scheduler, onFatal, unitsMax = UNITS_MAX, bytesMax = BYTES_MAX } = options;
  /** The last one may have room. */
  let queue: OpenGroup[] = [];
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
    const group = queue.shift();
    if (group) settle(group);
    if (!writing) goOn();
  }

  /** A unit that is too large alone still has to be written: it is a group of its own. */
  function groupFor(bytes: number): OpenGroup {
    const last = queue.at(-1);
    if (last && last.units.length < unitsMax && last.bytes + bytes <= bytesMax) return last;
    const group: OpenGroup = { units: [], waiting: [], bytes: 0 };
    queue.push(group);
    return group;
  }

  /** Nothing is on its way: what arrived meanwhile is the next group. */
  function goOn(): void {
    if (queue.length > 0) schedule();
    else closing?.resolve();
  }

  function settle(group: Group): void {
    const outcome = attempt(group);
    if (!(outcome instanceof Promise)) return conclude(group, outcome);
    writing = true;
    void outcome.then((settled) => {
      writing = false;
      conclude(group, settled);
      if (!writing) goOn();
    });
  }

  function conclude(group: Group, outcome: GroupOutcome): void {
    switch (outcome.type) {
      case "stored":
        return settleStored(group, outcome.refused);
      case "invalid": {
        const rest = leaveOut(group, outcome.index, outcome.reason);
        // A writer that names a unit that is not there would be asked for ever.
        if (rest.units.length === group.units.length) {
          return fail(group, new RangeError(`the writer named unit ${outcome.index} of ${group.units.length}`));
        }
        return rest.units.length > 0 ? settle(rest) : undefined;
      }
      case "full":
        for (const told of group.waiting) told.fail(storeFull());
        return;
      case "unknown":
        return fail(group, outcome.error);
    }
  }

  function attempt(group: Group): GroupOutcome | Promise<GroupOutcome> {
    try {
      return writer.write(group.units);
    } catch (error) {
      // A writer that throws has not said what it left on disk.
      return { type: "unknown", error };
    }
  }

  function fail(group: Group, error: unknown): void {
    const refusal = outcomeUnknown(messageOf(error));
    failed = refusal;
    const lost = [group, ...queue];
    queue = [];
    for (const { waiting } of lost) for (const told of waiting) told.fail(refusal);
    onFatal(error);
  }

  function write(unit: Unit, told: Reply<void>): void {
    if (failed) return told.fail(failed);
    if (closing) return told.fail(storeClosed());
    const bytes = bytesOf(unit);
    const group = groupFor(bytes);
    group.bytes += bytes;
    group.units.push(unit);
    group.waiting.push(told);
    schedule();
  }

  return {
    commit(unit) {
      return new Promise((ok, fail) => write(unit, { ok, fail }));
    },
    write,
    close() {
      closing ??= Promise.withResolvers<void>();
      if (!scheduled && !writing && queue.length === 0) closing.resolve();
      return closing.promise;
    },
  };
}

function settleStored({ waiting }: Group, refused: ReadonlyMap<number, Refusal>): void {
  for (let index = 0; index < waiting.length; index++) {
    const refusal = refused.get(index);
    if (refusal) waiting[index]?.fail(refusal);
    else waiting[index]?.ok();
  }
}

function leaveOut({ units, waiting }: Group, bad: number, reason: string): Group {
  waiting[bad]?.fail(storeInvalid(reason));
  const isGood = (_: unknown, index: number) => index !== bad;
  return { units: units.filter(isGood), waiting: waiting.filter(isGood) };
}

/** The large texts only: close enough for a limit, and cheap. */
function bytesOf({ jobs, idempotency, dataStores }: Unit): number {
  let bytes = idempotency?.answer.length ?? 0;
  for (const write of jobs) bytes += bytesOfJob(write);
  if (dataStores) {
    for (const { writes } of dataStores) {
      for (const [key, json] of writes) bytes += key.length + (json?.length ?? 0);
    }
  }
  return bytes;
}

function bytesOfJob({ job, expectedVersion, events, branches, outbox }: JobWrite): number {
  let bytes = job.stateHistory.length + (job.merge?.length ?? 0);
  bytes += (job.aggregation?.length ?? 0) + (job.failedAggregation?.length ?? 0);
  bytes += job.task?.order.params.length ?? 0;
  if (expectedVersion === 0) bytes += job.initialData.length;
  for (const event of events) bytes += event.patch?.length ?? 0;
  if (branches) for (const branch of branches) bytes += bytesOfBranch(branch);
  if (outbox) for (const row of outbox) bytes += row.body.length;
  return bytes;
}

function bytesOfBranch({ wait, result }: BranchWrite): number {
  return (wait && !isChildWait(wait) ? wait.order.params.length : 0) + (result?.json.length ?? 0);
}
