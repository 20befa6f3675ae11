/** What can be asked of `bun run bench`. */
import { parseArgs } from "node:util";
import { type LoadSettings, type Workload, WORKLOADS } from "./load/workloads.ts";

export interface Options {
  readonly rounds: number;
  readonly workloads: readonly Workload[];
  /** Names of peers; empty: ours alone. */
  readonly peers: readonly string[];
  readonly settings: LoadSettings;
  readonly warmUpSeconds: number;
  readonly jsonFile?: string;
}

export const USAGE = `bun run bench [--rounds 3] [--seconds 10] [--only w1,w1-batch,w2,w3,w4] [--peers all|none|NAME,...]
              [--json FILE] [--quick]`;

const FULL: LoadSettings = {
  seconds: 10,
  inFlight: 200,
  batchJobs: 1000,
  singles: 300,
  fanSteps: 1000,
  fanRuns: 5,
  stallSeconds: 30,
};
/** Shows that everything works; its figures say little. */
const QUICK: LoadSettings = {
  seconds: 0.4,
  inFlight: 50,
  batchJobs: 100,
  singles: 20,
  fanSteps: 100,
  fanRuns: 1,
  stallSeconds: 10,
};
const WARM_UP_SECONDS = 2;
const WARM_UP_QUICK_SECONDS = 0.1;

/** Throws a sentence when something is not understood. */
export function readOptions(argv: readonly string[], peers: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: "string" },
      seconds: { type: "string" },
      only: { type: "string" },
      peers: { type: "string" },
      json: { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  const base = values.quick ? QUICK : FULL;
  return {
    rounds: atLeast("--rounds", values.rounds ?? (values.quick ? "1" : "3"), 1),
    workloads: values.only === undefined ? WORKLOADS : chosen("--only", values.only, WORKLOADS),
    peers: readPeers(values.peers ?? (values.quick ? "none" : "all"), peers),
    settings: { ...base, seconds: atLeast("--seconds", values.seconds ?? String(base.seconds), 0.1) },
    warmUpSeconds: values.quick ? WARM_UP_QUICK_SECONDS : WARM_UP_SECONDS,
    ...(values.json !== undefined && { jsonFile: values.json }),
  };
}

function readPeers(text: string, peers: readonly string[]): readonly string[] {
  if (text === "all") return peers;
  return text === "none" ? [] : chosen("--peers", text, peers);
}

function atLeast(flag: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isFinite(number) && number >= least) return number;
  throw new Error(`${flag} is "${text}": it has to be a number from ${least} on.`);
}

function chosen<T extends string>(flag: string, text: string, known: readonly T[]): T[] {
  const names = text.split(",");
  const unknown = names.find((name) => !known.some((one) => one === name));
  if (unknown !== undefined) throw new Error(`${flag} names "${unknown}": there are ${known.join(", ")}.`);
  return known.filter((name) => names.includes(name));
}
