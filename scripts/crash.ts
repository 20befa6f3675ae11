/** Kills and restarts the compiled server under load: `bun run crash --rounds 100`. */
import { parseArgs } from "node:util";
import { isBuilt } from "../test/e2e/binary.ts";
import { runCrashRounds } from "../test/e2e/crash.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`--rounds is "${values.rounds}": it has to be a whole number from 1 on.`);
  process.exit(2);
}
if (!isBuilt) process.exit(2);

const report = await runCrashRounds({ rounds, say: console.log });
const { acknowledged, lost, stuck, failed, miscounted, doubled } = report;
for (const [what, jobs] of Object.entries({ lost, stuck, failed, miscounted })) {
  for (const job of jobs) console.log(`${what}: ${job}`);
}
console.log(
  `${rounds} rounds, ${acknowledged} acknowledged: ${lost.length} lost, ${stuck.length} stuck, ${failed.length} failed, ${miscounted.length} miscounted, ${doubled} doubled`,
);
process.exit(lost.length + stuck.length + failed.length + miscounted.length + doubled === 0 ? 0 : 1);
