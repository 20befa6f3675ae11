/** The tasks of a job that runs several at once, as its events tell of them: what each is called, and how far all are. */
import type { EventFacts } from "../job/event-facts.ts";
import { readTaskId } from "../job/task-id.ts";

export interface Branches {
  /** Every event of the job, in their order. */
  see(type: string, facts: EventFacts): void;
  /** "send_mail 2 of 5"; undefined where the task is not one of several. */
  nameOf(taskId: string | undefined): string | undefined;
  progressed(taskId: string, percent: number): void;
  /** Undefined where no branches are open. */
  overall(): { readonly percent: number; readonly done: number; readonly of: number } | undefined;
}

interface Group {
  readonly of: number;
  /** By slot. */
  readonly names: Map<number, string>;
  readonly percents: Map<number, number>;
  readonly done: Set<number>;
}

export function createBranches(): Branches {
  /** By the visit of the state that sent them. */
  const groups = new Map<number, Group>();
  let newest: Group | undefined;

  function find(taskId: string | undefined): { readonly group: Group; readonly slot: number } | undefined {
    const parts = taskId === undefined ? undefined : readTaskId(taskId)?.parts;
    const group = parts && groups.get(parts.visit);
    return group && { group, slot: parts.slot };
  }

  function dispatched({ task_id: taskId, task_type: type, branch, branches: of }: EventFacts): void {
    const parts = taskId === undefined ? undefined : readTaskId(taskId)?.parts;
    if (!parts || branch === undefined || of === undefined) return;
    const group = groups.get(parts.visit) ?? { of, names: new Map(), percents: new Map(), done: new Set() };
    groups.set(parts.visit, group);
    group.names.set(parts.slot, `${type ?? "task"} ${branch} of ${of}`);
    group.percents.delete(parts.slot);
    newest = group;
  }

  return {
    see(type, facts) {
      if (type === "task_dispatched") dispatched(facts);
      else if (type === "state_finished") newest = undefined;
      else if (type === "task_finished" && facts.outcome === undefined) {
        const found = find(facts.task_id);
        found?.group.done.add(found.slot);
      }
    },
    nameOf(taskId) {
      const found = find(taskId);
      return found?.group.names.get(found.slot);
    },
    progressed(taskId, percent) {
      const found = find(taskId);
      found?.group.percents.set(found.slot, percent);
    },
    overall() {
      if (!newest) return undefined;
      const { of, done, percents } = newest;
      const open = [...percents].filter(([slot]) => !done.has(slot)).map(([, percent]) => percent);
      const sum = done.size * 100 + open.reduce((total, percent) => total + percent, 0);
      return { percent: Math.floor(sum / of), done: done.size, of };
    },
  };
}
