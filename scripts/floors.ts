/** Checks the floors and the banned globals: `bun scripts/floors.ts`. Exit code 1 when something is found. */
import { join } from "node:path";
import { type Violation, violationsIn } from "./floors/rules.ts";

const root = join(import.meta.dir, "..");

async function checkAll(): Promise<readonly Violation[]> {
  const found: Violation[] = [];
  for (const file of new Bun.Glob("{src,actors,worker,blueprints}/**/*.{ts,tsx}").scanSync(root)) {
    found.push(...violationsIn(file, await Bun.file(join(root, file)).text()));
  }
  return found.toSorted((one, other) => one.file.localeCompare(other.file) || one.line - other.line);
}

const violations = await checkAll();
for (const { file, line, message } of violations) console.error(`${file}:${line}: ${message}`);
if (violations.length > 0) {
  console.error(`\n${violations.length} found. Exceptions stand in scripts/floors/map.ts, each with its reason.`);
  process.exit(1);
}
