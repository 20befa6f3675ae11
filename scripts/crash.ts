/**
 * Kills and pauses the compiled server and its workers under load: `bun run crash --rounds 100 [--seed N] [--disk]`.
 * With `--disk` it fills the disk too: a disk of its own in memory, which takes root.
 */
import { isBuilt } from "../test/e2e/binary.ts";
import { runCampaign } from "../test/e2e/crash/campaign.ts";
import { KINDS } from "../test/e2e/crash/plan.ts";
import { SmallDisk } from "../test/support/small-disk.ts";
import { readCommandLine, wholeNumber } from "./command-line.ts";

const DISK_MB = 4096;

const HELP = `Kills and pauses the compiled server and its workers under load, and looks for what was lost.

Usage: bun run crash [--rounds N] [--seed N] [--disk]

  --rounds N  so many blows (20)
  --seed N    plans the same rounds again; without it, others each time
  --disk      fills the disk too: a disk of its own in memory, which takes root

Example: bun run crash --rounds 100`;

const values = readCommandLine(HELP, {
  rounds: { type: "string", default: "20" },
  seed: { type: "string" },
  disk: { type: "boolean", default: false },
});
const rounds = wholeNumber("rounds", values.rounds);
const seed = wholeNumber("seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 31)), 0);
if (!isBuilt) process.exit(2);

console.log(`seed ${seed}: --seed ${seed} plans the same rounds`);
const disk = values.disk ? new SmallDisk(DISK_MB) : undefined;
const kinds = disk ? ([...KINDS, "fill-disk"] as const) : KINDS;
const report = await runCampaign({ rounds, seed, kinds, ...(disk && { disk }), say: console.log }).finally(() =>
  disk?.remove(),
);
const { acknowledged, blows, explained, isClean, log, evidence, ...verdict } = report;
for (const [what, cases] of Object.entries(verdict)) {
  for (const one of cases) console.log(`${what}: ${one}`);
}
if (!isClean) console.log(`${evidence}\nThe end of the server's log:\n${log.slice(-10_000)}`);
const counts = Object.entries(verdict).map(([what, cases]) => `${cases.length} ${what}`);
console.log(`blows: ${JSON.stringify(blows)}; ${explained} attempts lost with their workers`);
console.log(`${rounds} rounds, seed ${seed}, ${acknowledged} acknowledged: ${counts.join(", ")}`);
process.exit(isClean ? 0 : 1);
