/** Who may start a job like one that there was: whoever could have started it, by the way that it went. */
import type { Caller } from "../access/access.ts";
import type { Manifest } from "../catalog/port.ts";
import { Refusal } from "../system/errors.ts";

/** `manifest`: the newest version in service, which is the one that would run. */
export function refuseRerun(caller: Caller, manifest: Manifest | undefined, fromState: string | undefined): void {
  if (caller.isOperator || manifest === undefined) return;
  const { name } = manifest;
  // Its jobs are made by other blueprints, or by operators: they may trust their input.
  if (manifest.endpoint === undefined) {
    const message = `Blueprint "${name}" has no endpoint, so that only operators start jobs of it: send the operator's token, or rerun the job that ran this one.`;
    throw new Refusal("FORBIDDEN", 403, message);
  }
  if (fromState === undefined) return;
  if (asksPeople(manifest)) throw couldPassBy(fromState, `Blueprint "${name}" asks people to decide`);
  const hidden = manifest.states.find(({ isHidden }) => isHidden);
  if (hidden === undefined) return;
  const reason = `State "${hidden.name}" of blueprint "${name}" hands its actions to other code and may ask people to decide`;
  throw couldPassBy(fromState, reason);
}

function couldPassBy(fromState: string, reason: string): Refusal {
  const message = `${reason}, and a start at "${fromState}" could pass them by: leave out from_state, or send the operator's token.`;
  return new Refusal("FORBIDDEN", 403, message);
}

function asksPeople({ states }: Manifest): boolean {
  return states.some(({ acts }) => acts?.some(({ action }) => action === "awaitHumanApproval") === true);
}
