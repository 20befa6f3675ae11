/** Why a job has not begun, for people who wait for it. */
import { isObject } from "./client.ts";
import { cell } from "./table.ts";

/** Undefined: nothing holds it. */
export function heldText(waiting: unknown): string | undefined {
  if (!isObject(waiting)) return undefined;
  const { kind, until, position, max, group, key } = waiting;
  switch (kind) {
    case "start":
      return `it begins at ${cell(until)}`;
    case "paused":
      return "its blueprint is paused, until somebody resumes it (`orchestrator blueprints resume`)";
    case "turn": {
      const limit = `${cell(max)} of its blueprint run at once${key === undefined ? "" : ` for ${cell(key)} ${cell(group)}`}`;
      return position === undefined
        ? `${limit}, and others are before it`
        : `${limit}, and it is number ${cell(position)} of those before the gate`;
    }
    default:
      return undefined;
  }
}
