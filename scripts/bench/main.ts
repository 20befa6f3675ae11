/** `bun run bench`: the four workloads on the compiled server and on its peers, in turn, in one run. */
import { loadavg } from "node:os";
import { join } from "node:path";
import { describeMachine } from "./machine.ts";
import { type Measurement, measureSide } from "./measure.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { summarise, tableText } from "./report.ts";
import { ours } from "./sides/ours.ts";
import { installPeers, peers } from "./sides/peers.ts";
import { endWithoutLeftovers } from "./sides/program.ts";
import type { Side } from "./sides/side.ts";

function parse(): Options {
  try {
    return readOptions(
      process.argv.slice(2),
      peers.map((peer) => peer.name),
    );
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

function installOrExit(chosen: readonly Side[]): void {
  try {
    installPeers(chosen);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

/** Ours, theirs, ours, theirs: what else the machine does falls on all of them. */
async function measureAll(options: Options, sides: readonly Side[], say: (text: string) => void) {
  const measured: Measurement[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const side of sides) {
      say(`round ${round} of ${options.rounds}, ${side.name} (load ${loadavg()[0]?.toFixed(1)})`);
      measured.push(...(await measureSide(side, { ...options, round, say })));
    }
  }
  return measured;
}

const options = parse();
if (process.platform !== "linux") {
  console.error("The benchmark reads what processes use from /proc: it runs on Linux alone.");
  process.exit(2);
}
endWithoutLeftovers();
const build = Bun.spawnSync([process.execPath, join(import.meta.dir, "..", "build.ts")], {
  stdio: ["ignore", "ignore", "inherit"],
});
if (!build.success) process.exit(1);
const chosen = peers.filter((peer) => options.peers.includes(peer.name));
if (chosen.length > 0) installOrExit(chosen);

const sides = [ours, ...chosen];
const machine = describeMachine();
const measured = await measureAll(options, sides, (text) => console.error(text));
const rows = summarise(measured, ours.name);
const promises = Object.fromEntries(sides.map(({ name, promise }) => [name, promise]));
if (options.jsonFile !== undefined) {
  await Bun.write(options.jsonFile, `${JSON.stringify({ machine, options, promises, rows, measured }, null, 2)}\n`);
}

console.log(tableText(rows));
console.log();
for (const [name, promise] of Object.entries(promises)) console.log(`${name}: ${promise}`);
const { cores, kernel, bun, load, syncsPerSecond } = machine;
console.log(
  `${cores} cores, Linux ${kernel}, Bun ${bun}; load ${load.toFixed(2)} at the start; the disk makes ${Math.round(syncsPerSecond)} syncs a second`,
);
const failures = measured.flatMap((one) => ("error" in one ? [one] : []));
for (const { side, workload, round, error } of failures) {
  console.error(`FAILED: ${side} ${workload}, round ${round}: ${error}`);
}
process.exit(failures.length === 0 && rows.length > 0 ? 0 : 1);
