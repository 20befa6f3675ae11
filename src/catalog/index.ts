/** What the rest of the program uses of this folder. */
export { bundlePath } from "./bundle.ts";
export { importDefinitions, registerSdk } from "./bundle-module.ts";
export { type CatalogOptions, createCatalog, type FolderCatalog } from "./catalog.ts";
export { type Check, checkFiles, type CheckOptions } from "./check.ts";
export { formatFinding, isError } from "./findings.ts";
export { isBlueprintFile } from "./folder.ts";
export { createPlaceFinder } from "./places.ts";
export { refusedText, staleText } from "./refused.ts";
export { redirectOutput } from "./redirect-output.ts";
export type { Catalog, Edge, Finding, Manifest, StateFacts } from "./port.ts";
