import { writeFile } from "node:fs/promises";
import type { Static, TAny, TSchema } from "@sinclair/typebox";
import { Refusal } from "../system/errors.ts";
import { type KnownOptions, unknownOptions } from "../system/options.ts";
import { startOf } from "./checks-states.ts";
import { checkedConcurrency } from "./concurrency.ts";
import { type Condition, parseCondition } from "./conditions.ts";
import { BRAND, type DeclaredHandler, type DeclaredState, type Definition, type StrangeOption } from "./definition.ts";
import { draw, GRAPH_FORMATS, type GraphFormat, graphFormatOf, graphTextOf } from "./draw.ts";
import { graphOf, stateFactsOf } from "./graph.ts";
import type { Drawn } from "./picture.ts";
import { checkedStore } from "./stored-values.ts";
import type { BlueprintOptions, ConditionalHandler, Handler, HandlerOptions, JsonObject, When } from "./sdk.ts";

type Draft = {
  -readonly [Key in keyof DeclaredState]: DeclaredState[Key] extends readonly (infer Item)[]
    ? Item[]
    : DeclaredState[Key];
};

const BLUEPRINT_OPTIONS: KnownOptions = {
  names: Object.keys({
    name: true,
    apiEndpoint: true,
    apiVersion: true,
    input: true,
    dataStores: true,
    deadlineSeconds: true,
    concurrency: true,
  } satisfies Record<keyof BlueprintOptions, true>),
  otherwise: { endpoint: "apiEndpoint", version: "apiVersion", inputSchema: "input", deadline: "deadlineSeconds" },
};
const HANDLER_OPTIONS: KnownOptions = {
  names: Object.keys({ isStart: true, isEnd: true, timeoutSeconds: true } satisfies Record<keyof HandlerOptions, true>),
  otherwise: {
    isFinal: "isEnd",
    end: "isEnd",
    start: "isStart",
    timeout: "timeoutSeconds",
    timeoutMs: "timeoutSeconds",
  },
};

/**
 * A flow as a state machine. Every exported Blueprint of a file in the blueprints folder serves.
 *
 * @example
 * export default new Blueprint({ name: "resize", apiEndpoint: "jobs/resize" })
 *   .handlerFor("start", ({ initialData }, { dispatchTask }) =>
 *     dispatchTask({ taskType: "resize", params: initialData, transitions: { success: "finished", failure: "failed" } }),
 *   );
 */
export class Blueprint<S extends TSchema = TAny> {
  readonly name: string;
  readonly #states = new Map<string, Draft>();
  readonly #dataStores: Record<string, JsonObject>;
  readonly #unknownOptions: StrangeOption[];
  #handlers = 0;
  /** Not enumerable for users' eyes: our own code reads it through `definitionOf`. */
  declare readonly [BRAND]: Definition;

  constructor(options: BlueprintOptions<S>) {
    this.name = checkedName(options?.name);
    this.#dataStores = {};
    for (const [store, initial] of Object.entries(options.dataStores ?? {})) this.addDataStore(store, initial);
    this.#unknownOptions = unknownOptions(`Blueprint "${this.name}"`, options, BLUEPRINT_OPTIONS);
    const own = { states: this.#states, dataStores: this.#dataStores, unknownOptions: this.#unknownOptions };
    const definition: Definition = { ...settingsOf(options), ...own };
    Object.defineProperty(this, BRAND, { value: definition });
  }

  handlerFor(state: string, handler: Handler<Static<S>>): this;
  handlerFor(state: string, options: HandlerOptions, handler: Handler<Static<S>>): this;
  /** Conditional handlers of one state: the first whose condition holds runs; one without a condition is the default. */
  handlerFor(state: string): ConditionalHandler<this, Static<S>>;
  handlerFor(
    state: string,
    optionsOrHandler?: HandlerOptions | Handler<Static<S>>,
    handler?: Handler<Static<S>>,
  ): this | ConditionalHandler<this, Static<S>> {
    if (optionsOrHandler === undefined)
      return { when: (condition, run) => this.#addConditional(state, condition, run) };
    if (typeof optionsOrHandler === "function") return this.#add(state, {}, optionsOrHandler, false);
    return this.#add(state, optionsOrHandler, handler, false);
  }

  /** Runs once every parallel task that leads to this state has ended well. */
  aggregatorFor(state: string, handler: Handler<Static<S>>): this {
    return this.#add(state, {}, handler, true);
  }

  /** `initial` is written only where the key does not exist yet. */
  addDataStore(name: string, initial: JsonObject = {}): this {
    if (Object.hasOwn(this.#dataStores, name)) {
      const message = `Blueprint "${this.name}" declares data store "${name}" twice: take one of them out.`;
      throw new Refusal("INVALID_BLUEPRINT", 422, message);
    }
    this.#dataStores[name] = checkedStore(this.name, name, initial);
    return this;
  }

  /**
   * Writes the picture and returns its path; nothing has to be installed for it. The ending is added where it lacks.
   *
   * @example
   * const path = await flow.renderGraph("flow"); // "flow.png"
   */
  async renderGraph(fileName: string, options: { format?: "png" | "svg" | "dot" | "mermaid" } = {}): Promise<string> {
    const format = checkedFormat(options.format ?? formatOf(fileName));
    const path = fileName.endsWith(`.${format}`) ? fileName : `${fileName}.${format}`;
    await writeFile(path, await draw(drawnOf(this[BRAND]), format));
    return path;
  }

  /** The picture as text for Graphviz. */
  toDot(): string {
    return graphTextOf(drawnOf(this[BRAND]), "dot");
  }

  /** The picture as text for a README or a wiki. */
  toMermaid(): string {
    return graphTextOf(drawnOf(this[BRAND]), "mermaid");
  }

  #add(state: string, options: HandlerOptions, handler: unknown, isAggregator: boolean): this {
    const draft = this.#draft(state);
    const declared = this.#declare(state, handler, options.timeoutSeconds);
    const unknown = unknownOptions(`The handler of state "${state}"`, options, HANDLER_OPTIONS);
    this.#unknownOptions.push(...unknown.map((option) => ({ ...option, state, handler: declared })));
    // A second one is kept for the check, which says where it is: a file must load to be checked.
    if (draft.fallback) draft.duplicates.push(declared);
    else draft.fallback = declared;
    if (options.isStart) draft.isStart = true;
    if (options.isEnd) draft.isEnd = true;
    if (isAggregator) draft.isAggregator = true;
    return this;
  }

  #addConditional(state: string, when: When<Static<S>>, handler: unknown): this {
    const condition: Condition = parseCondition(when);
    this.#draft(state).conditional.push({ ...this.#declare(state, handler, undefined), condition });
    return this;
  }

  #declare(state: string, handler: unknown, timeoutSeconds: number | undefined): DeclaredHandler {
    return { ...checkedHandler(state, handler, timeoutSeconds), order: this.#handlers++ };
  }

  #draft(name: string): Draft {
    const known = this.#states.get(name);
    if (known) return known;
    if (typeof name !== "string" || name === "") {
      throw new Refusal("INVALID_STATE", 422, `A state of blueprint "${this.name}" has no name: give it a text.`);
    }
    const draft = { name, isStart: false, isEnd: false, isAggregator: false, conditional: [], duplicates: [] };
    this.#states.set(name, draft);
    return draft;
  }
}

function checkedHandler(
  state: string,
  handler: unknown,
  timeoutSeconds: number | undefined,
): Omit<DeclaredHandler, "order"> {
  if (typeof handler !== "function") {
    throw new Refusal(
      "INVALID_HANDLER",
      422,
      `State "${state}" has no handler: pass a function (context, actions) => …`,
    );
  }
  const timeoutMs = milliseconds(timeoutSeconds, `timeoutSeconds of state "${state}"`);
  return { handler: handler as Handler, ...(timeoutMs !== undefined && { timeoutMs }) };
}

function checkedName(name: unknown): string {
  if (typeof name === "string" && name.trim() !== "") return name;
  throw new Refusal("INVALID_BLUEPRINT", 422, 'A blueprint has no name: write new Blueprint({ name: "…" }).');
}

function settingsOf(options: BlueprintOptions<TSchema>): Omit<Definition, "states" | "dataStores" | "unknownOptions"> {
  const endpoint = options.apiEndpoint === undefined ? undefined : withoutSlashes(options.apiEndpoint);
  const deadlineMs = milliseconds(options.deadlineSeconds, `deadlineSeconds of blueprint "${options.name}"`);
  return {
    name: options.name,
    apiVersion: withoutSlashes(options.apiVersion ?? "v1"),
    ...(endpoint && { endpoint }),
    ...(options.input && { inputSchema: plainSchema(options.input) }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(options.concurrency && { concurrency: checkedConcurrency(options.name, options.concurrency) }),
  };
}

/** The schema as JSON: what the library keeps in symbols stays behind. */
function plainSchema(schema: TSchema): object {
  return JSON.parse(JSON.stringify(schema)) as object;
}

function milliseconds(seconds: number | undefined, what: string): number | undefined {
  if (seconds === undefined) return undefined;
  if (Number.isFinite(seconds) && seconds > 0) return seconds * 1000;
  throw new Refusal("INVALID_BLUEPRINT", 422, `${what} is ${seconds}: give a number above 0.`);
}

function withoutSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}

function drawnOf(definition: Definition): Drawn {
  const graph = graphOf(definition);
  const states = stateFactsOf(definition, graph, startOf(definition));
  return { name: definition.name, states, edges: graph.edges };
}

function checkedFormat(format: string): GraphFormat {
  const known = graphFormatOf(format);
  if (known) return known;
  const message = `A graph cannot be drawn as "${format}": choose one of ${GRAPH_FORMATS.join(", ")}.`;
  throw new Refusal("INVALID_FORMAT", 422, message, { available: [...GRAPH_FORMATS] });
}

function formatOf(fileName: string): string {
  return /\.(dot|mermaid|svg|png)$/.exec(fileName)?.[1] ?? "png";
}
