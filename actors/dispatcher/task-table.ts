/**
 * Things that are each of one task. Nearly every job has one task at a time, found by its job alone:
 * only where there are more of them a table of the job's own tells them apart.
 */
import { SLOT_LIMIT } from "../../src/job/task-id.ts";
import { Lookup } from "../../src/system/lookup.ts";
import type { TaskPlace, TaskRun } from "./task.ts";

export interface OfTask<Place> {
  readonly task: Place;
}

abstract class Table<Place extends TaskPlace, Value extends OfTask<Place>> {
  /** One for each job that has any; where that one was removed and others are left, none. */
  readonly #first = new Lookup<string, Value>();
  /** What a job has beside that one. */
  readonly #others = new Lookup<string, Map<number | string, Value>>();
  #size = 0;

  protected abstract isSame(a: Place, b: Place): boolean;
  /** Tells it apart from others of the same job. */
  protected abstract nameOf(place: Place): number | string;

  get size(): number {
    return this.#size;
  }

  get(place: Place): Value | undefined {
    const first = this.#first.get(place.jobId);
    if (first !== undefined && this.isSame(first.task, place)) return first;
    return this.#others.get(place.jobId)?.get(this.nameOf(place));
  }

  hasJob(jobId: string): boolean {
    return this.#first.has(jobId) || this.#others.has(jobId);
  }

  /** Returns in whose place it comes. */
  set(value: Value): Value | undefined {
    const { task } = value;
    const first = this.#first.get(task.jobId);
    const isFirst = first === undefined ? !this.#others.has(task.jobId) : this.isSame(first.task, task);
    if (!isFirst) return this.#setOther(value);
    if (first === undefined) this.#size += 1;
    this.#first.set(task.jobId, value);
    return first;
  }

  /** Only this one: what came in its place stays. False: it is not here. */
  remove(value: Value): boolean {
    const { task } = value;
    const isFirst = this.#first.get(task.jobId) === value;
    const isRemoved = isFirst ? this.#first.delete(task.jobId) : this.#removeOther(value);
    if (isRemoved) this.#size -= 1;
    return isRemoved;
  }

  /** In no order. */
  values(): Value[] {
    const all = [...this.#first.values()];
    for (const others of this.#others.values()) for (const value of others.values()) all.push(value);
    return all;
  }

  #othersOf(jobId: string): Map<number | string, Value> {
    const known = this.#others.get(jobId);
    if (known) return known;
    const made = new Map<number | string, Value>();
    this.#others.set(jobId, made);
    return made;
  }

  #setOther(value: Value): Value | undefined {
    const others = this.#othersOf(value.task.jobId);
    const name = this.nameOf(value.task);
    const before = others.get(name);
    if (before === undefined) this.#size += 1;
    others.set(name, value);
    return before;
  }

  #removeOther(value: Value): boolean {
    const others = this.#others.get(value.task.jobId);
    const name = this.nameOf(value.task);
    if (others?.get(name) !== value) return false;
    others.delete(name);
    if (others.size === 0) this.#others.delete(value.task.jobId);
    return true;
  }
}

/** One for each task. */
export class TaskTable<Value extends OfTask<TaskPlace>> extends Table<TaskPlace, Value> {
  protected isSame(a: TaskPlace, b: TaskPlace): boolean {
    return a.visit === b.visit && a.slot === b.slot;
  }

  protected nameOf(place: TaskPlace): number {
    return placeNumber(place);
  }
}

/** More attempts than that are told apart by a text. */
const ATTEMPTS_NUMBERED = 1_024;

/** One for each attempt of a task. */
export class RunTable<Value extends OfTask<TaskRun>> extends Table<TaskRun, Value> {
  protected isSame(a: TaskRun, b: TaskRun): boolean {
    return a.visit === b.visit && a.slot === b.slot && a.attempt === b.attempt;
  }

  protected nameOf(run: TaskRun): number | string {
    const number = placeNumber(run) * ATTEMPTS_NUMBERED + run.attempt;
    const isPlain = run.attempt < ATTEMPTS_NUMBERED && Number.isSafeInteger(number);
    return isPlain ? number : `${run.visit}/${run.slot}/${run.attempt}`;
  }
}

function placeNumber({ visit, slot }: TaskPlace): number {
  return visit * SLOT_LIMIT + slot;
}
