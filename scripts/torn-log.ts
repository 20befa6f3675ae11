/** Cuts a log of many frames at every boundary and at random places, turns bits over, and opens what is left: `bun run torn-log`. */
import { tearLog } from "../test/storage/torn-log.ts";
import { readCommandLine } from "./command-line.ts";

const HELP = `Cuts a store's log at every frame and at random places, turns bits over, and opens what is left.

Usage: bun run torn-log`;

readCommandLine(HELP, {});

const { frames, wrecks, prefixes, problems } = await tearLog({
  units: 80,
  boundaryStep: 1,
  randomCuts: 500,
  flippedBits: 200,
  chance: Math.random,
});
for (const problem of problems) console.log(problem);
console.log(`${frames} frames, ${wrecks} wrecks, ${prefixes} different prefixes: ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
