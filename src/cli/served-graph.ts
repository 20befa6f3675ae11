/** A blueprint's graph as a server tells it. */
import type { Edge, Manifest, StateFacts } from "../catalog/port.ts";
import { type Client, isObject } from "./client.ts";
import { CommandFailure, EXIT } from "./exit.ts";

export type NamedGraph = Pick<Manifest, "name" | "states" | "edges">;

export async function servedGraph(client: Client, name: string): Promise<NamedGraph> {
  const { states, edges }: { readonly states?: unknown; readonly edges?: unknown } = await client.get(
    `/api/blueprints/${encodeURIComponent(name)}/graph?format=json`,
  );
  if (Array.isArray(states) && Array.isArray(edges)) {
    return { name, states: states.filter(isState), edges: edges.filter(isEdge) };
  }
  throw new CommandFailure(
    EXIT.wentWrong,
    "OTHER_VERSION",
    "The server does not tell graphs in a way that is known here: use one program for both.",
  );
}

function isState(value: unknown): value is StateFacts {
  return isObject(value) && typeof value["name"] === "string";
}

function isEdge(value: unknown): value is Edge {
  const isText = (field: unknown) => typeof field === "string";
  return isObject(value) && isText(value["from"]) && isText(value["to"]) && isText(value["label"]);
}
