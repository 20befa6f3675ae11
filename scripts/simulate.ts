/** Runs the orchestrator in simulated worlds; `--help` says how. */
import { join } from "node:path";
import { find } from "../test/simulation/planted.ts";
import { PLANTS } from "../test/simulation/plants.ts";
import { isWorkerKind, WORKER_KINDS, type WorkerKind } from "../test/simulation/mishaps.ts";
import { runSeed } from "../test/simulation/run.ts";
import { readCommandLine, wholeNumber } from "./command-line.ts";
import type { Report } from "../test/simulation/world.ts";

const SHOWN_MAX = 5;
const PLANTED_SEEDS = 4_000;
const FOUND_FILE = join(import.meta.dir, "../test/simulation/planted-seeds.json");

const HELP = `Runs the whole orchestrator in simulated worlds, one for each seed, and holds it to its promises.

Usage: bun run simulate [--seeds N] [--from S] [--kind KIND]     many worlds
       bun run simulate --seed S [--kind KIND] [--trace]         one of them, again
       bun run simulate --plants                                 what finds each bug that is planted on purpose

  --seeds N    so many worlds (1000)
  --from S     the first seed (1)
  --kind KIND  worlds about one fault, which happens in every one of them
  --seed S     this world alone
  --trace      say all that happens in it
  --first      stop at the first world that breaks
  --json       one line of JSON at the end

Kinds:
${Object.entries(WORKER_KINDS)
  .map(([kind, about]) => `  ${kind.padEnd(15)} ${about}`)
  .join("\n")}

Example: bun run simulate --kind worker-frozen --seeds 1000`;

const values = readCommandLine(HELP, {
  seed: { type: "string" },
  seeds: { type: "string", default: "1000" },
  from: { type: "string", default: "1" },
  /** Worlds about one fault of workers, which happens in each. */
  kind: { type: "string" },
  trace: { type: "boolean", default: false },
  /** Stop at the first one that breaks. */
  first: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  /** Looks for each bug that is planted in the sources. */
  plants: { type: "boolean", default: false },
});

function describe({ seed, broken, last, hash }: Report): string {
  const head = `seed ${seed} broke: ${broken}`;
  const flags = kind === undefined ? "" : ` --kind ${kind}`;
  const again = `again: bun scripts/simulate.ts --seed ${seed}${flags} --trace (trace ${hash.toString(16)})`;
  return [head, ...last.map((line) => `    ${line}`), again].join("\n");
}

function one(seed: number): boolean {
  const report = runSeed(seed, { kind, onEvent: values.trace ? (line) => console.log(line) : undefined });
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
  let [jobs, ran, mishaps, withMishap] = [0, 0, 0, 0];
  for (let seed = from; seed < from + count; seed++) {
    const report = runSeed(seed, { kind });
    ran += 1;
    jobs += report.jobs;
    mishaps += report.mishaps;
    if (report.mishaps > 0) withMishap += 1;
    if (report.broken === undefined) continue;
    broken.push(report);
    if (values.first) break;
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  if (values.json) {
    const found = broken.map(({ seed, broken: what }) => ({ seed, what }));
    const about = kind === undefined ? {} : { kind, happened: mishaps, worlds_with_it: withMishap };
    console.log(JSON.stringify({ ran, broken: found, seconds, ...about }));
    return broken.length === 0;
  }
  for (const report of broken.slice(0, SHOWN_MAX)) console.log(describe(report), "\n");
  const rate = Math.round(ran / seconds);
  if (kind !== undefined) console.log(`${kind} happened in ${withMishap} of ${ran} worlds, ${mishaps} times`);
  console.log(`${ran} seeds, ${jobs} jobs, ${broken.length} broken, ${seconds.toFixed(1)} s, ${rate} seeds/s`);
  if (broken.length > 0) console.log(`broken: ${broken.map(({ seed }) => seed).join(" ")}`);
  return broken.length === 0;
}

/** Each in a process of its own, two at a time; which seed found it is kept for the tests. */
async function plants(): Promise<boolean> {
  const seeds: Record<string, number> = {};
  const left = [...PLANTS];
  let missed = 0;
  const search = async (): Promise<void> => {
    for (let plant = left.shift(); plant; plant = left.shift()) {
      const found = await find(plant, PLANTED_SEEDS);
      if (found) seeds[plant.name] = found.seed;
      else missed += 1;
      console.log(`${plant.name}: ${found ? `seed ${found.seed}, ${found.what.split("\n")[0]}` : "not found"}`);
    }
  };
  await Promise.all([search(), search()]);
  const inOrder = Object.fromEntries(PLANTS.flatMap(({ name }) => (name in seeds ? [[name, seeds[name]]] : [])));
  await Bun.write(FOUND_FILE, `${JSON.stringify(inOrder, undefined, 2)}\n`);
  console.log(`${PLANTS.length} planted, ${missed} not found`);
  return missed === 0;
}

function kindOf(name: string | undefined): WorkerKind | undefined {
  if (name === undefined || isWorkerKind(name)) return name;
  return fail(`--kind is "${name}": choose one of ${Object.keys(WORKER_KINDS).join(", ")}.`);
}

function fail(message: string): never {
  console.error(`${message} See bun run simulate --help`);
  return process.exit(2);
}

if (values.plants) process.exit((await plants()) ? 0 : 1);
const kind = kindOf(values.kind);
process.exit(
  (
    values.seed === undefined
      ? many(wholeNumber("from", values.from, 0), wholeNumber("seeds", values.seeds))
      : one(wholeNumber("seed", values.seed, 0))
  )
    ? 0
    : 1,
);
