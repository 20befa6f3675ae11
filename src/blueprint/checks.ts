/** What can be known to be wrong with a blueprint before a job runs it. */
import type { Finding, Manifest } from "../catalog/port.ts";
import { type DeclaredState, type Definition, definitionOf, isBlueprint } from "./definition.ts";
import { type Graph, graphOf } from "./graph.ts";
import { handlerProblems } from "./checks-handlers.ts";
import { declarationProblems, startOf } from "./checks-states.ts";
import { reachProblems } from "./checks-reach.ts";
import type { Problem } from "./problem.ts";

export interface Place {
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** Where a function's text (`String(handler)`) lies in the user's file. Asked with "" and 0 for the file as a whole. */
export type Locate = (functionText: string, offsetInFunction: number) => Place;

/** All of a manifest that the blueprint itself knows. */
export type ManifestParts = Omit<Manifest, "hash" | "file">;

export interface Inspection {
  /** `start` is empty where there is none: then `findings` has an error. */
  readonly manifest: ManifestParts;
  readonly findings: readonly Finding[];
}

/** `subject`: a Blueprint (of any module instance) or its Definition. */
export function inspect(subject: object, locate: Locate): Inspection {
  const definition = isBlueprint(subject) ? definitionOf(subject) : (subject as Definition);
  const graph = graphOf(definition);
  const start = startOf(definition);
  const problems = [
    ...declarationProblems(definition),
    ...graph.handlers.flatMap((node) => handlerProblems(definition, node)),
    ...reachProblems(definition, graph, start),
  ];
  return {
    manifest: manifestOf(definition, graph, start),
    findings: problems.map((problem) => findingOf(problem, locate)),
  };
}

function findingOf({ at, severity, rule, message }: Problem, locate: Locate): Finding {
  return { severity, rule, message, ...locate(at?.text ?? "", at?.offset ?? 0) };
}

function manifestOf(definition: Definition, graph: Graph, start: string | undefined): ManifestParts {
  const { name, endpoint, apiVersion, inputSchema, deadlineMs, concurrency, dataStores, states } = definition;
  return {
    name,
    apiVersion,
    start: start ?? "",
    states: [...states.values()].map((state) => factsOf(state, start)),
    edges: graph.edges,
    ...(endpoint !== undefined && { endpoint }),
    ...(inputSchema && { inputSchema }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(concurrency && { concurrency }),
    ...(Object.keys(dataStores).length > 0 && { dataStores }),
  };
}

function factsOf({ name, isEnd, isAggregator }: DeclaredState, start: string | undefined) {
  return { name, isStart: name === start, isEnd, isAggregator };
}
