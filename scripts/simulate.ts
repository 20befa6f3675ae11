/** Runs the orchestrator in simulated worlds: `bun scripts/simulate.ts --seeds N [--from S]`, or `--seed S [--trace]`. */
import { parseArgs } from "node:util";
import { runSeed } from "../test/simulation/run.ts";
import type { Report } from "../test/simulation/world.ts";

const SHOWN_MAX = 5;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    trace: { type: "boolean", default: false },
    /** Stop at the first one that breaks. */
    first: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

function describe({ seed, broken, last, hash }: Report): string {
  const head = `seed ${seed} broke: ${broken}`;
  const again = `again: bun scripts/simulate.ts --seed ${seed} --trace (trace ${hash.toString(16)})`;
  return [head, ...last.map((line) => `    ${line}`), again].join("\n");
}

function one(seed: number): boolean {
  const report = runSeed(seed, values.trace ? (line) => console.log(line) : undefined);
  const { broken, hash, jobs, events, virtualMs } = report;
  if (broken === undefined || values.trace) {
    const end = broken === undefined ? "holds" : `broke: ${broken}`;
    console.log(`seed ${seed} ${end}; ${jobs} jobs, ${events} events, ${virtualMs} ms, trace ${hash.toString(16)}`);
  } else console.log(describe(report));
  return broken === undefined;
}

function many(from: number, count: number): boolean {
  const startedMs = performance.now();
  const broken: Report[] = [];
  let jobs = 0;
  let ran = 0;
  for (let seed = from; seed < from + count; seed++) {
    const report = runSeed(seed);
    ran += 1;
    jobs += report.jobs;
    if (report.broken === undefined) continue;
    broken.push(report);
    if (values.first) break;
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  if (values.json) {
    const found = broken.map(({ seed, broken: what }) => ({ seed, what }));
    console.log(JSON.stringify({ ran, broken: found, seconds }));
    return broken.length === 0;
  }
  for (const report of broken.slice(0, SHOWN_MAX)) console.log(describe(report), "\n");
  const rate = Math.round(ran / seconds);
  console.log(`${ran} seeds, ${jobs} jobs, ${broken.length} broken, ${seconds.toFixed(1)} s, ${rate} seeds/s`);
  if (broken.length > 0) console.log(`broken: ${broken.map(({ seed }) => seed).join(" ")}`);
  return broken.length === 0;
}

const isSound = values.seed === undefined ? many(Number(values.from), Number(values.seeds)) : one(Number(values.seed));
process.exit(isSound ? 0 : 1);
