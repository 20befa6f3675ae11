/** The lines that tasks wait in: one for each class, as long as there is something in it. */
import { Line } from "./line.ts";
import type { ParkedTasks } from "./parked.ts";
import { classOf, type TaskNeeds } from "./task.ts";

const NO_LINES: readonly Line[] = [];

export class Lines {
  readonly #byClass = new Map<string, Line>();
  readonly #byNumber = new Map<number, Line>();
  /** A list that a line leaves is replaced: who goes through it is not disturbed. */
  readonly #byType = new Map<string, Line[]>();
  /** The one that was looked for last: most queues are of one class. */
  #last: Line | undefined;
  #numbers = 0;

  constructor(readonly parked: ParkedTasks) {}

  get count(): number {
    return this.#byClass.size;
  }

  all(): Iterable<Line> {
    return this.#byClass.values();
  }

  /** For tasks of this type. */
  ofType(type: string): readonly Line[] {
    return this.#byType.get(type) ?? NO_LINES;
  }

  numbered(number: number): Line | undefined {
    return this.#byNumber.get(number);
  }

  /** Undefined: nothing of its class waits. */
  find(order: TaskNeeds): Line | undefined {
    if (this.count === 0) return undefined;
    if (this.#last?.isPlainlyFor(order) !== true) this.#last = this.#byClass.get(classOf(order));
    return this.#last;
  }

  open(order: TaskNeeds): Line {
    const { type, strategy, maxCost, requirements } = order;
    const needs = { type, strategy, ...(maxCost !== undefined && { maxCost }), ...(requirements && { requirements }) };
    const line = new Line(++this.#numbers, classOf(order), needs, this.parked);
    this.#byClass.set(line.name, line);
    this.#byNumber.set(line.number, line);
    const known = this.#byType.get(type);
    if (known) known.push(line);
    else this.#byType.set(type, [line]);
    return line;
  }

  /** A line that nothing waits in goes. */
  tidy(line: Line): void {
    if (line.isEmpty) this.#close(line);
  }

  #close(line: Line): void {
    this.#byClass.delete(line.name);
    this.#byNumber.delete(line.number);
    if (this.#last === line) this.#last = undefined;
    const { type } = line.needs;
    const others = this.ofType(type).filter((one) => one !== line);
    if (others.length > 0) this.#byType.set(type, others);
    else this.#byType.delete(type);
  }
}
