/** Runs the simulator on a copy of the sources with a bug planted in it. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Plant } from "./plants.ts";

const ROOT = join(import.meta.dir, "../..");
const COPIED = [
  "src",
  "actors",
  "test/simulation",
  "scripts/simulate.ts",
  "scripts/command-line.ts",
  "package.json",
  "tsconfig.json",
];

export interface Found {
  readonly seed: number;
  readonly what: string;
}

/** The sources with the bug in them. */
export function plantedText(plant: Plant): string {
  const text = readFileSync(join(ROOT, plant.file), "utf8");
  const places = text.split(plant.find).length - 1;
  if (places !== 1) {
    throw new Error(`"${plant.name}" fits ${places} places of ${plant.file}: name the one that it is for`);
  }
  return text.replace(plant.find, () => plant.replace);
}

/** The first seed that finds it; undefined: none of so many. */
export async function find(plant: Plant, seeds: number, from = 1): Promise<Found | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "avtomatika-planted-"));
  try {
    for (const name of COPIED) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, plant.file), plantedText(plant));
    return await run(folder, plant, ["--seeds", String(seeds), "--from", String(from)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(folder: string, { kind }: Plant, seeds: readonly string[]): Promise<Found | undefined> {
  const about = kind === undefined ? [] : ["--kind", kind];
  const command = ["scripts/simulate.ts", ...seeds, ...about, "--first", "--json"];
  const child = Bun.spawn([process.execPath, ...command], { cwd: folder, stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  const line = output.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) throw new Error(`the simulator gave no report: ${errors.slice(-2_000)}`);
  const { broken } = JSON.parse(line) as { broken: readonly Found[] };
  return broken[0];
}
