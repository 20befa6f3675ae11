/** What can be known to be wrong with a blueprint before a job runs it. */
import type { Child, Finding, Manifest } from "../catalog/port.ts";
import { type DeclarationPlaces, NO_PLACES } from "./declaration-places.ts";
import { type Definition, definitionOf, isBlueprint } from "./definition.ts";
import { type Graph, graphOf, handlersOf, stateFactsOf } from "./graph.ts";
import type { Constants } from "./handler-source.ts";
import { handlerProblems } from "./checks-handlers.ts";
import { declarationProblems, startOf } from "./checks-states.ts";
import { reachProblems } from "./checks-reach.ts";
import type { ConditionSpot, Problem, Spot } from "./problem.ts";

export interface Place {
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** Where a function's text (`String(handler)`) lies in the user's file. Asked with "" for a place in no function. */
export type Locate = (functionText: string, offsetInFunction: number, hint?: PlaceHint) => Place;

export interface PlaceHint {
  /** Which of the functions with this text, from 0. */
  readonly nth?: number;
  readonly condition?: ConditionSpot;
  /** Of no function, but so far into the file's text. Neither: the file as a whole. */
  readonly inFile?: number;
}

/** All of a manifest that the blueprint itself knows. */
export type ManifestParts = Omit<Manifest, "hash" | "file">;

export interface Inspection {
  /** `start` is empty where there is none: then `findings` has an error. */
  readonly manifest: ManifestParts;
  readonly findings: readonly Finding[];
}

/** What else the file holds that the blueprint stands in. */
export interface Surroundings {
  readonly constants: Constants;
  readonly places: DeclarationPlaces;
}

/** `subject`: a Blueprint (of any module instance) or its Definition. */
export function inspect(subject: object, locate: Locate, surroundings?: Surroundings): Inspection {
  const definition = isBlueprint(subject) ? definitionOf(subject) : (subject as Definition);
  const graph = graphOf(definition, surroundings?.constants);
  const start = startOf(definition);
  const placeOf = placeFinder(definition, locate);
  const problems = [
    ...declarationProblems(definition, surroundings?.places ?? NO_PLACES),
    ...graph.handlers.flatMap((node) => handlerProblems(definition, node)),
    ...reachProblems(definition, graph, start),
  ];
  return {
    manifest: manifestOf(definition, graph, start, placeOf),
    findings: problems.map((problem) => findingOf(problem, placeOf)),
  };
}

type PlaceFinder = (spot: Spot | undefined, inFile?: number) => Place;

function placeFinder(definition: Definition, locate: Locate): PlaceFinder {
  const handlers = [...definition.states.values()]
    .flatMap((state) => [...handlersOf(state), ...state.duplicates])
    .toSorted((one, other) => one.order - other.order);
  return (spot, inFile) => {
    if (inFile !== undefined) return locate("", 0, { inFile });
    if (!spot) return locate("", 0);
    const { code, offset, condition } = spot;
    // One function can be the handler of several states: it stands in the file once.
    const alike = new Set(handlers.map(({ handler }) => handler).filter((handler) => String(handler) === code.text));
    const own = handlers.find(({ order }) => order === code.order)?.handler;
    const nth = [...alike].findIndex((handler) => handler === own);
    return locate(code.text, offset, { nth, ...(condition && { condition }) });
  };
}

function findingOf({ at, inFile, severity, rule, message }: Problem, placeOf: PlaceFinder): Finding {
  return { severity, rule, message, ...placeOf(at, inFile) };
}

function manifestOf(
  definition: Definition,
  graph: Graph,
  start: string | undefined,
  placeOf: PlaceFinder,
): ManifestParts {
  const children = childrenOf(graph, placeOf);
  const { name, endpoint, apiVersion, inputSchema, deadlineMs, concurrency, dataStores } = definition;
  return {
    name,
    apiVersion,
    start: start ?? "",
    states: stateFactsOf(definition, graph, start),
    edges: graph.edges,
    ...(children.length > 0 && { children }),
    ...(endpoint !== undefined && { endpoint }),
    ...(inputSchema && { inputSchema }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(concurrency && { concurrency }),
    ...(Object.keys(dataStores).length > 0 && { dataStores }),
  };
}

function childrenOf(graph: Graph, placeOf: PlaceFinder): readonly Child[] {
  return graph.handlers.flatMap(({ facts }) =>
    facts.calls
      .filter(({ action }) => action === "runBlueprint")
      .flatMap(({ subjects }) =>
        subjects.map(({ name, offset }) => ({ blueprint: name, ...placeOf({ code: facts.code, offset }) })),
      ),
  );
}
