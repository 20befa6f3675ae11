/** What a blueprint file declared, as our own code reads it. */
import { Refusal } from "../system/errors.ts";
import type { UnknownOption } from "../system/options.ts";
import type { Condition } from "./conditions.ts";
import type { Code } from "./problem.ts";
import type { Handler, JsonObject } from "./sdk.ts";

/** Several instances of this module can be loaded in one process: blueprints carry this mark instead of a class. */
export const BRAND = Symbol.for("orchestrator.blueprint");

export interface DeclaredHandler {
  readonly handler: Handler;
  /** Left out: the default of its state. */
  readonly condition?: Condition;
  readonly timeoutMs?: number;
  /** When it was declared, among the handlers of its blueprint. */
  readonly order: number;
}

export function codeOf({ handler, order }: DeclaredHandler): Code {
  return { text: String(handler), order };
}

export interface DeclaredState {
  readonly name: string;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly isAggregator: boolean;
  /** In the order of their declaration. */
  readonly conditional: readonly DeclaredHandler[];
  readonly fallback?: DeclaredHandler;
  /** Further handlers without a condition: the check reports them, none of them ever runs. */
  readonly duplicates: readonly DeclaredHandler[];
}

/** Of the blueprint, or of one of its states. */
export interface StrangeOption extends UnknownOption {
  readonly state?: string;
  readonly handler?: DeclaredHandler;
}

export interface Definition {
  readonly name: string;
  /** Without slashes at its ends. */
  readonly endpoint?: string;
  readonly apiVersion: string;
  /** JSON Schema. */
  readonly inputSchema?: object;
  readonly deadlineMs?: number;
  readonly concurrency?: { readonly max: number; readonly key?: string };
  readonly dataStores: Readonly<Record<string, JsonObject>>;
  readonly states: ReadonlyMap<string, DeclaredState>;
  /** Options that nobody knows. Bundles that jobs began with load all the same: the check tells them. */
  readonly unknownOptions: readonly StrangeOption[];
}

/** Ends that need no handler. */
const IMPLICIT_ENDS: ReadonlySet<string> = new Set(["finished", "failed"]);

export function isImplicitEnd(state: string): boolean {
  return IMPLICIT_ENDS.has(state);
}

export function stateExists(definition: Definition, state: string): boolean {
  return definition.states.has(state) || IMPLICIT_ENDS.has(state);
}

export function isAggregator(definition: Definition, state: string | undefined): boolean {
  return state !== undefined && definition.states.get(state)?.isAggregator === true;
}

export interface Branded {
  readonly [BRAND]: Definition;
}

export function isBlueprint(value: unknown): value is Branded {
  return typeof value === "object" && value !== null && BRAND in value;
}

export function definitionOf(blueprint: unknown): Definition {
  if (isBlueprint(blueprint)) return blueprint[BRAND];
  throw new Refusal("NOT_A_BLUEPRINT", 422, 'This is no blueprint: make one with new Blueprint({ name: "…" }).');
}
