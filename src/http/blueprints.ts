/** Blueprints as they serve: who may see what of them, and holding their new jobs back. */
import { Elysia } from "elysia";
import type { Blueprints, BlueprintView } from "../../actors/orchestrator.ts";
import { refusedText, staleText } from "../catalog/index.ts";
import type { Manifest, RefusedFile } from "../catalog/port.ts";
import { isoTime } from "../system/iso.ts";
import { describe } from "./descriptions.ts";
import type { Door } from "./door.ts";
import { json } from "./reply.ts";

/** What was refused, and jobs of all clients, are told to operators alone; for others it is left out. */
type Refused = readonly RefusedFile[] | undefined;

export function blueprintListText(views: readonly BlueprintView[], refused: Refused): string {
  const isOperator = refused !== undefined;
  const blueprints = views.map((view) => facts(view, isOperator));
  return JSON.stringify({ blueprints, ...(refused && { refused: refused.map(refusedDocument) }) });
}

export function blueprintText(view: BlueprintView, refused: Refused): string {
  const { states, edges, name } = view.manifest;
  const stale = refused && staleText(name, refused);
  return JSON.stringify({
    ...facts(view, refused !== undefined),
    state_names: states.map(stateOf),
    transitions: edges,
    ...(stale !== undefined && { warning: stale }),
  });
}

function refusedDocument(refused: RefusedFile) {
  const { file, line, column, rule, message, serving } = refused;
  return { file, line, column, rule, message, serving, text: refusedText(refused) };
}

function facts({ manifest, pausedSinceMs, crowd }: BlueprintView, isOperator: boolean) {
  const { name, hash, file, endpoint, apiVersion, inputSchema, states, concurrency } = manifest;
  return {
    name,
    version: hash,
    file,
    endpoint: endpoint ?? null,
    api_version: apiVersion,
    input_schema: inputSchema ?? null,
    states: states.length,
    concurrency: concurrency ?? null,
    paused: pausedSinceMs !== undefined,
    paused_since: pausedSinceMs === undefined ? null : isoTime(pausedSinceMs),
    // Where there is a limit, or was a pause: nobody counts at a gate that stands open.
    ...(isOperator && { at_gate: { inside: crowd.inside, waiting: crowd.waiting } }),
  };
}

function stateOf({ name, isStart, isEnd, isAggregator }: Manifest["states"][number]) {
  return { name, is_start: isStart, is_end: isEnd, is_aggregator: isAggregator };
}

export interface BlueprintRoutesOptions {
  readonly blueprints: Blueprints;
  readonly door: Door;
}

/** Stands under the operators' prefix. */
export function blueprintRoutes({ blueprints, door }: BlueprintRoutesOptions, isDescribed: boolean) {
  const told = describe("admin", isDescribed);
  const raw = { parse: "none" } as const;
  return new Elysia()
    .post(
      "/blueprints/:name/pause",
      async ({ request, params }) => {
        door.operator(request);
        await blueprints.pause(params.name);
        return json(JSON.stringify({ status: "paused", blueprint: params.name }));
      },
      { ...raw, ...told("Take new jobs of a blueprint and let them wait; those that have begun go on") },
    )
    .post(
      "/blueprints/:name/resume",
      async ({ request, params }) => {
        door.operator(request);
        await blueprints.resume(params.name);
        return json(JSON.stringify({ status: "resumed", blueprint: params.name }));
      },
      { ...raw, ...told("Let jobs of a blueprint begin again, those that waited first") },
    );
}
