/** Many seeds, one after the other. */
import { type Report, World, type WorldOptions } from "./world.ts";

export function runSeed(seed: number, options: WorldOptions = {}): Report {
  return new World(seed, options).run();
}
