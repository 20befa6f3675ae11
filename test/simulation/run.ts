/** Many seeds, one after the other. */
import { World, type Report } from "./world.ts";

export function runSeed(seed: number, onEvent?: (line: string) => void): Report {
  return new World(seed, onEvent).run();
}
