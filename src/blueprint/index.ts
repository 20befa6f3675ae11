/** What the rest of the program uses of this folder. Blueprint files see `src/index.ts`. */
export { Blueprint } from "./blueprint.ts";
export { collectBlueprints } from "./collect.ts";
export {
  definitionOf,
  isBlueprint,
  isImplicitEnd,
  type DeclaredHandler,
  type DeclaredState,
  type Definition,
} from "./definition.ts";
export { draw, GRAPH_FORMATS, type GraphFormat, graphFormatOf, graphTextOf } from "./draw.ts";
export { executeTurn, type ExecuteOptions } from "./execute.ts";
export { replyOfImplicitEnd } from "./implicit-end.ts";
export type { ConditionSpot } from "./problem.ts";
export { declarationPlacesOf } from "./declaration-places.ts";
export { constantsOf } from "./handler-source.ts";
export { inspect, type Inspection, type Locate, type ManifestParts, type Place, type PlaceHint } from "./checks.ts";
