/** Taking a job to another version of its blueprint: what of it names states, and whether they are there. */
import { type BranchWait, type CameFrom, isChildWait, type Job } from "./model.ts";
import type { Pause } from "./pause.ts";

/** The version that the job goes to, as far as it matters. */
export interface TargetVersion {
  readonly hash: string;
  readonly states: readonly { readonly name: string; readonly isAggregator: boolean }[];
}

/** A state's name in the old version to its name in the new one; a name that is left out stays. */
export type StateMap = Readonly<Record<string, string>>;

/** What came of it, or would. */
export interface Migration {
  readonly status: "migrated" | "unchanged";
  /** Hashes. */
  readonly from: string;
  readonly to: string;
  /** The job's own, as it is called in the new version. */
  readonly state: string;
}

/** What stands against it: a state, as the new version would have to have it, and who needs it. */
export interface Misfit {
  readonly state: string;
  readonly reason: string;
}

/** These are there whether somebody declares them or not. */
const ALWAYS: ReadonlySet<string> = new Set(["finished", "failed"]);

export class StateMapping {
  readonly misfits: Misfit[] = [];
  readonly #isAggregator: ReadonlyMap<string, boolean>;

  constructor(
    readonly states: StateMap,
    target: TargetVersion,
  ) {
    this.#isAggregator = new Map(target.states.map(({ name, isAggregator }) => [name, isAggregator]));
  }

  name(state: string): string {
    return Object.hasOwn(this.states, state) ? (this.states[state] ?? state) : state;
  }

  has(state: string): boolean {
    return this.#isAggregator.has(state) || ALWAYS.has(state);
  }

  /** `kind`: an aggregator is entered by its branches alone, and everything else by one step. */
  checked(state: string, needed: string, kind: "aggregator" | "plain" | "any"): string {
    const name = this.name(state);
    const isAggregator = this.#isAggregator.get(name);
    if (!this.has(name)) this.#misfit(name, `${needed}, and the version has no such state`);
    else if (kind === "aggregator" && isAggregator !== true)
      this.#misfit(name, `${needed}, and is no aggregator there`);
    else if (kind === "plain" && isAggregator === true) this.#misfit(name, `${needed}, and is an aggregator there`);
    return name;
  }

  #misfit(state: string, reason: string): void {
    const isKnown = this.misfits.some((one) => one.state === state && one.reason === reason);
    if (!isKnown) this.misfits.push({ state, reason });
  }
}

/** What changes of the job itself. */
export function migratedJob(job: Job, mapping: StateMapping): Partial<Job> {
  const { task, child, parallel, pause, failedIn, cameFrom, aggregation } = job;
  const into = parallel?.into;
  const kind = job.handler && aggregation !== undefined ? "aggregator" : "any";
  const failed = failedIn === undefined ? undefined : mapping.name(failedIn);
  return {
    state: mapping.checked(job.state, "the job is in it", kind),
    ...(task && { task: migratedWait(task, into, mapping) }),
    ...(child && { child: migratedWait(child, into, mapping) }),
    ...(parallel && {
      parallel: { ...parallel, into: mapping.checked(parallel.into, "its branches lead to it", "aggregator") },
    }),
    ...(pause && { pause: migratedPause(pause, mapping) }),
    // A retry goes on there: without it, it goes on where the job ends.
    ...(failed !== undefined && mapping.has(failed) && { failedIn: failed }),
    ...(failed !== undefined && !mapping.has(failed) && { failedIn: undefined, failedAggregation: undefined }),
    ...(cameFrom && { cameFrom: migratedOrigin(cameFrom, mapping) }),
  };
}

function migratedOrigin(cameFrom: CameFrom, mapping: StateMapping): CameFrom | undefined {
  const state = mapping.name(cameFrom.state);
  return mapping.has(state) ? { ...cameFrom, state } : undefined;
}

export function migratedWait<Wait extends BranchWait>(
  wait: Wait,
  into: string | undefined,
  mapping: StateMapping,
): Wait {
  if (isChildWait(wait)) return { ...wait, transitions: migratedTransitions(wait.transitions, into, mapping) };
  const transitions = migratedTransitions(wait.order.transitions, into, mapping);
  const { eventTransitions: before } = wait.order;
  const eventTransitions = before && migratedTransitions(before, into, mapping);
  return { ...wait, order: { ...wait.order, transitions, ...(eventTransitions && { eventTransitions }) } };
}

function migratedTransitions(
  transitions: Readonly<Record<string, string>>,
  into: string | undefined,
  mapping: StateMapping,
): Record<string, string> {
  const entries = Object.entries(transitions).map(([outcome, state]): [string, string] => {
    return [outcome, mapping.checked(state, `"${outcome}" leads to it`, state === into ? "aggregator" : "plain")];
  });
  return Object.fromEntries(entries);
}

function migratedPause(pause: Pause, mapping: StateMapping): Pause {
  if (pause.kind === "timer") return { ...pause, then: mapping.checked(pause.then, "its timer leads to it", "plain") };
  return { ...pause, transitions: migratedTransitions(pause.transitions, undefined, mapping) };
}
