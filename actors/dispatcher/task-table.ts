/**
 * Things that are each of one task. Nearly every job has one task at a time, found by its job alone:
 * only where there are more of them a text is made of what tells them apart.
 */
import type { TaskPlace, TaskRun } from "./task.ts";

export interface OfTask<Place> {
  readonly task: Place;
}

abstract class Table<Place extends TaskPlace, Value extends OfTask<Place>> {
  /** One for each job that has any, until that one is removed. */
  readonly #first = new Map<string, Value>();
  readonly #others = new Map<string, Value>();
  /** How many of the others a job has. */
  readonly #othersOfJob = new Map<string, number>();

  protected abstract isSame(a: Place, b: Place): boolean;
  protected abstract nameOf(place: Place): string;

  get size(): number {
    return this.#first.size + this.#others.size;
  }

  get(place: Place): Value | undefined {
    const first = this.#first.get(place.jobId);
    if (first !== undefined && this.isSame(first.task, place)) return first;
    return this.#others.size === 0 ? undefined : this.#others.get(this.nameOf(place));
  }

  hasJob(jobId: string): boolean {
    return this.#first.has(jobId) || this.#othersOfJob.has(jobId);
  }

  /** Returns in whose place it comes. */
  set(value: Value): Value | undefined {
    const { task } = value;
    const first = this.#first.get(task.jobId);
    const isFirst = first === undefined ? !this.#isOther(task) : this.isSame(first.task, task);
    if (!isFirst) return this.#setOther(value);
    this.#first.set(task.jobId, value);
    return first;
  }

  /** Only this one: what came in its place stays. False: it is not here. */
  remove(value: Value): boolean {
    const { task } = value;
    if (this.#first.get(task.jobId) === value) return this.#first.delete(task.jobId);
    if (!this.#isOther(task)) return false;
    const name = this.nameOf(task);
    if (this.#others.get(name) !== value) return false;
    count(this.#othersOfJob, task.jobId, -1);
    return this.#others.delete(name);
  }

  /** In no order. */
  values(): Value[] {
    return [...this.#first.values(), ...this.#others.values()];
  }

  #isOther(place: Place): boolean {
    return this.#others.size > 0 && this.#others.has(this.nameOf(place));
  }

  #setOther(value: Value): Value | undefined {
    const name = this.nameOf(value.task);
    const before = this.#others.get(name);
    if (before === undefined) count(this.#othersOfJob, value.task.jobId, 1);
    this.#others.set(name, value);
    return before;
  }
}

/** One for each task. */
export class TaskTable<Value extends OfTask<TaskPlace>> extends Table<TaskPlace, Value> {
  protected isSame(a: TaskPlace, b: TaskPlace): boolean {
    return a.visit === b.visit && a.slot === b.slot;
  }

  protected nameOf(place: TaskPlace): string {
    return `${place.jobId}/${place.visit}/${place.slot}`;
  }
}

/** One for each attempt of a task. */
export class RunTable<Value extends OfTask<TaskRun>> extends Table<TaskRun, Value> {
  protected isSame(a: TaskRun, b: TaskRun): boolean {
    return a.visit === b.visit && a.slot === b.slot && a.attempt === b.attempt;
  }

  protected nameOf(run: TaskRun): string {
    return `${run.jobId}/${run.visit}/${run.slot}/${run.attempt}`;
  }
}

/** Adds, and forgets what is at nothing. */
function count(map: Map<string, number>, key: string, by: number): void {
  const sum = (map.get(key) ?? 0) + by;
  if (sum > 0) map.set(key, sum);
  else map.delete(key);
}
