/** A bundle as a module of this thread: only threads that may die, and simulations, come here. */
import * as sdk from "../index.ts";
import { collectBlueprints, type Definition, definitionOf } from "../blueprint/index.ts";

let registered = false;

/** Gives `import … from "orchestrator"` its meaning in this thread. */
export function registerSdk(): void {
  if (registered) return;
  registered = true;
  Bun.plugin({
    name: "orchestrator",
    setup(build) {
      build.module("orchestrator", () => ({ exports: { ...sdk }, loader: "object" }));
    },
  });
}

/** The blueprints of a bundle by their names. The path is no literal, which would be looked up at build time. */
export async function importDefinitions(path: string): Promise<ReadonlyMap<string, Definition>> {
  registerSdk();
  const module = (await import(path)) as Record<string, unknown>;
  return new Map(collectBlueprints(module).map((blueprint) => [blueprint.name, definitionOf(blueprint)]));
}
