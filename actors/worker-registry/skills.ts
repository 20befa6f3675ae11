/**
 * What a worker declares by schema of what it sends (wire contract, 5.1 and 5.6): it is held to its own word. A schema
 * that cannot be checked here is one that another server may understand, and checks nothing.
 */
import { isObject } from "../../src/protocol/json.ts";
import { inPlace, knownCheck, type SchemaCheck } from "../../src/protocol/schema.ts";
import { withQuickPatterns } from "../../src/protocol/schema-patterns.ts";
import { weightOf } from "../../src/protocol/schema-weight.ts";
import type { WorkerResult } from "../../src/protocol/worker.ts";
import { type JsonValue, messageOf } from "../../src/system/errors.ts";

export interface Skill {
  readonly output: SchemaCheck | undefined;
  readonly events: ReadonlyMap<string, SchemaCheck>;
}

/** `unusable`: told of each schema that cannot be checked, and why. */
export type Unusable = (what: string, reason: string) => void;

export function skillsOf(list: JsonValue | undefined, unusable: Unusable): ReadonlyMap<string, Skill> {
  const skills = new Map<string, Skill>();
  const reader = new Reader(unusable);
  if (!Array.isArray(list)) return skills;
  for (const skill of list) {
    if (!isObject(skill) || typeof skill["name"] !== "string") continue;
    const { name, output_schema: output, events_schema: events } = skill;
    const checks = {
      output: reader.check(output, `the output of ${name}`),
      events: eventChecks(events, name, reader),
    };
    if (checks.output ?? checks.events.size > 0) skills.set(name, checks);
  }
  return skills;
}

/** A worker's skills by task: its list is read when it has changed. */
export class Skills {
  readonly #unusable: Unusable;
  #list: JsonValue | undefined;
  #byTask: ReadonlyMap<string, Skill> = new Map();

  constructor(unusable: Unusable) {
    this.#unusable = unusable;
  }

  of(list: JsonValue | undefined, task: string): Skill | undefined {
    if (list === undefined) return undefined;
    if (this.#list !== list) {
      this.#list = list;
      this.#byTask = skillsOf(list, this.#unusable);
    }
    return this.#byTask.get(task);
  }
}

/** Undefined: it fits, or nothing is declared of events of this name. `payload`: JSON text of an object. */
export function eventProblem(skill: Skill | undefined, name: string, payload: string): string | undefined {
  return problemOf(skill?.events.get(name), payload, "payload");
}

/** One that breaks its worker's own word is a failure that says so. */
export function heldTo(skill: Skill | undefined, task: string, result: WorkerResult): WorkerResult {
  if (!skill?.output || result.status !== "success") return result;
  const problem = problemOf(skill.output, result.data ?? "{}", "data");
  if (problem === undefined) return result;
  const { jobId, taskId, workerId } = result;
  const message = `Worker ${workerId} returned what its own output_schema of ${task} does not take: ${problem}.`;
  const error = { code: "CONTRACT_VIOLATION_ERROR", message };
  return { jobId, taskId, workerId, status: "failure", error, raw: JSON.stringify({ status: "failure", error }) };
}

function problemOf(check: SchemaCheck | undefined, text: string, at: string): string | undefined {
  const [first, ...more] = check?.(JSON.parse(text), at) ?? [];
  if (!first) return undefined;
  return `${first.path} ${first.message}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;
}

function eventChecks(schemas: JsonValue | undefined, task: string, reader: Reader): Skill["events"] {
  if (!isObject(schemas)) return new Map();
  return new Map(
    Object.entries(schemas).flatMap(([name, schema]): [string, SchemaCheck][] => {
      const check = reader.check(schema, `the event ${name} of ${task}`);
      return check ? [[name, check]] : [];
    }),
  );
}

/**
 * Of all that one worker declares, in parts: its schemas are compiled where the engine runs, and a few words can make one
 * of any size. So many take some tenths of a second.
 */
const WEIGHT_MAX = 50_000;
/** Of one that is of no use: it was looked at, and the log hears of it. */
const UNUSABLE_WEIGHT = 1_000;

const SHOWN_MAX = 200;

class Reader {
  readonly #unusable: Unusable;
  #left = WEIGHT_MAX;
  #isTold = false;

  constructor(unusable: Unusable) {
    this.#unusable = unusable;
  }

  check(schema: JsonValue | undefined, what: string): SchemaCheck | undefined {
    if (!isObject(schema)) return undefined;
    if (this.#left <= 0) return this.#tellOnce(what);
    try {
      const placed = inPlace(schema);
      const weight = weightOf(placed);
      if (weight > this.#left) throw new RangeError(tooLarge(weight, this.#left));
      const check = knownCheck(withQuickPatterns(placed, (pattern) => this.#tellPattern(what, pattern)));
      this.#left -= weight;
      return check;
    } catch (error) {
      this.#left -= UNUSABLE_WEIGHT;
      this.#unusable(what, messageOf(error));
      return undefined;
    }
  }

  #tellPattern(what: string, pattern: string): void {
    this.#left -= UNUSABLE_WEIGHT;
    const shown = JSON.stringify(pattern.slice(0, SHOWN_MAX));
    this.#unusable(what, `its pattern ${shown} could take very long and is left out; the rest is checked`);
  }

  /** There may be very many more. */
  #tellOnce(what: string): undefined {
    if (!this.#isTold)
      this.#unusable(what, "the worker declares too many schemas: this one, and those after it, are left out");
    this.#isTold = true;
  }
}

function tooLarge(weight: number, left: number): string {
  return `it has ${weight} parts, where all schemas of a worker may have ${WEIGHT_MAX} and ${left} are left; each choice of a oneOf counts once for each other one: use anyOf where no two fit at once`;
}
