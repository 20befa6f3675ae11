/** What happens when the disk is full: new work is refused, work that was accepted goes on. */
import type { Refusal } from "../../system/errors.ts";
import type { GroupOutcome, GroupWriter } from "../group-commit.ts";
import type { Unit } from "../port.ts";
import { storeFull } from "../refusals.ts";

export interface Reserve {
  readonly release: () => boolean;
  readonly isSpent: () => boolean;
}

export function guardSpace(writer: GroupWriter, reserve: Reserve): GroupWriter {
  return {
    write(units) {
      if (units.some(isCreation) && reserve.isSpent()) return writeAccepted(writer, units);
      return after(writer.write(units), (outcome) => {
        if (outcome.type !== "full") return outcome;
        const released = reserve.release();
        // The same units again in the same space would end the same way.
        if (!released && !units.some(isCreation)) return outcome;
        return writeAccepted(writer, units);
      });
    },
  };
}

type Outcome = GroupOutcome | Promise<GroupOutcome>;

function after(outcome: Outcome, next: (outcome: GroupOutcome) => Outcome): Outcome {
  return outcome instanceof Promise ? outcome.then(next) : next(outcome);
}

function isCreation(unit: Unit): boolean {
  return unit.jobs.some((write) => write.expectedVersion === 0);
}

/** Without the units that create; indexes are those of the whole group again afterwards. */
function writeAccepted(writer: GroupWriter, units: readonly Unit[]): Outcome {
  const places: number[] = [];
  const refused = new Map<number, Refusal>();
  for (const [index, unit] of units.entries()) {
    if (isCreation(unit)) refused.set(index, storeFull());
    else places.push(index);
  }
  const accepted = units.filter((unit) => !isCreation(unit));
  if (accepted.length === 0) return { type: "stored", refused };

  const placeOf = (index: number) => places[index] ?? -1;
  return after(writer.write(accepted), (outcome) => {
    if (outcome.type === "invalid") return { ...outcome, index: placeOf(outcome.index) };
    if (outcome.type !== "stored") return outcome;
    for (const [index, refusal] of outcome.refused) refused.set(placeOf(index), refusal);
    return { type: "stored", refused };
  });
}
