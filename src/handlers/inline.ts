/** Runs turns in the thread at hand: for simulations, and for one job in one process. A handler that blocks, blocks all. */
import { type Definition, executeTurn, type ExecuteOptions } from "../blueprint/index.ts";
import { createPlaceFinder, importDefinitions } from "../catalog/index.ts";
import { messageOf } from "../system/errors.ts";
import type { System } from "../system/index.ts";
import type { HandlerHost, HandlerRunner, Turn } from "./port.ts";

export interface InlineBlueprint {
  readonly definition: Definition;
  readonly placeOf?: (stack: string) => string | undefined;
}

export interface InlineRunnerOptions {
  readonly system: Pick<System, "clock" | "timers" | "log">;
  readonly host: HandlerHost;
  /** Undefined: there is none with this hash and name. */
  readonly blueprint: (
    hash: string,
    name: string,
  ) => Promise<InlineBlueprint | undefined> | InlineBlueprint | undefined;
}

export function createInlineRunner({ system, host, blueprint }: InlineRunnerOptions): HandlerRunner {
  return {
    async run(turn, signal) {
      try {
        const found = await blueprint(turn.hash, turn.blueprint);
        if (!found) return unavailable(turn, "it is not known");
        const options: ExecuteOptions = {
          ...system,
          ...(signal && { signal }),
          ...(found.placeOf && { placeOf: found.placeOf }),
        };
        return await executeTurn(found.definition, turn, host, options);
      } catch (error) {
        return unavailable(turn, messageOf(error));
      }
    },
  };
}

interface ImportedBundle {
  readonly definitions: ReadonlyMap<string, Definition>;
  readonly placeOf: (stack: string) => string | undefined;
}

/** Blueprints out of bundle files, each imported once. */
export function blueprintsOfBundles(bundlePath: (hash: string) => string): InlineRunnerOptions["blueprint"] {
  const imported = new Map<string, ImportedBundle>();

  return async (hash, name) => {
    let bundle = imported.get(hash);
    if (!bundle) {
      const path = bundlePath(hash);
      // Kept only once it is there: the file may be back at the next try.
      bundle = { definitions: await importDefinitions(path), placeOf: createPlaceFinder(path) };
      imported.set(hash, bundle);
    }
    const definition = bundle.definitions.get(name);
    return definition && { definition, placeOf: bundle.placeOf };
  };
}

function unavailable(turn: Turn, why: string) {
  const message = `Blueprint "${turn.blueprint}" could not be loaded: ${why}.`;
  const error = { code: "BUNDLE_UNAVAILABLE", message };
  return { steps: [], ending: { kind: "broke", state: turn.state, error, alone: false } as const };
}
