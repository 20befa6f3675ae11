/** What the doors may ask about blueprints as they serve: who runs, who waits, and holding new jobs back. */
import type { Catalog, Manifest } from "../src/catalog/port.ts";
import type { Registers } from "../src/storage/port.ts";
import type { Clock } from "../src/system/clock.ts";
import { Refusal } from "../src/system/errors.ts";
import { suggestion } from "../src/system/nearest.ts";
import type { Gates } from "./gate/decide.ts";
import type { GateMessage } from "./gate/messages.ts";
import type { Blueprints } from "./orchestrator.ts";

export interface BlueprintsParts {
  readonly catalog: Catalog;
  readonly registers: Pick<Registers, "savePause">;
  readonly clock: Clock;
  readonly gates: Gates;
  /** Since when a blueprint is paused, as it is on disk. */
  readonly pauses: Map<string, number>;
  tellGates(message: GateMessage): void;
}

export function createBlueprints(parts: BlueprintsParts): Blueprints {
  const { catalog, registers, clock, gates, pauses, tellGates } = parts;

  const view = (manifest: Manifest) => ({
    manifest,
    pausedSinceMs: pauses.get(manifest.name),
    crowd: gates.crowd(manifest.name),
  });

  function find(name: string): Manifest {
    const manifest = catalog.current(name);
    if (manifest) return manifest;
    const names = catalog.list().map((one) => one.name);
    const message = `Blueprint not found: none named ${name} is in service${suggestion(name, names)}`;
    throw new Refusal("BLUEPRINT_NOT_FOUND", 404, message);
  }

  return {
    list: () => catalog.list().map(view),
    read: (name) => view(find(name)),
    async pause(name) {
      find(name);
      if (pauses.has(name)) return;
      const sinceMs = clock.nowMs();
      await registers.savePause(name, sinceMs);
      pauses.set(name, sinceMs);
      tellGates({ type: "paused", blueprint: name });
    },
    async resume(name) {
      // One whose file is gone may have jobs that wait.
      if (!pauses.has(name)) return void find(name);
      await registers.savePause(name, undefined);
      pauses.delete(name);
      tellGates({ type: "resumed", blueprint: name });
    },
  };
}
