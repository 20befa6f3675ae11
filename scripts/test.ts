/**
 * Every check and every test. Called by scripts/test, which has installed the tools.
 * The last line is `N passed, N failed` over everything that ran; the exit code is 1 if anything failed.
 */
import { join } from "node:path";
import { readFailures, readTally, type Tally } from "./check/tally.ts";

const root = join(import.meta.dir, "..");
const bun = process.execPath;

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const CHECKS: readonly Step[] = [
  { name: "format", command: [bun, "run", "--silent", "format:check"] },
  { name: "lint and floors", command: [bun, "run", "--silent", "lint"] },
  { name: "types", command: [bun, "run", "--silent", "types"] },
  { name: "build", command: [bun, "scripts/build.ts"] },
];

async function runCheck({ name, command }: Step): Promise<boolean> {
  console.log(`== ${name}`);
  const child = Bun.spawn([...command], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return (await child.exited) === 0;
}

/** Shows the tests' own output as it comes, and reads its totals. */
async function runTests(): Promise<Tally & { readonly failures: readonly string[] }> {
  console.log("== tests, the ones on dist/orchestrator included");
  const child = Bun.spawn([bun, "test"], {
    cwd: root,
    env: { ...process.env, TESTS_NEED_BINARY: "1" },
    stdio: ["ignore", "inherit", "pipe"],
  });
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stderr) {
    process.stdout.write(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return { ...readTally(text, await child.exited), failures: readFailures(text) };
}

let passed = 0;
let failed = 0;
for (const check of CHECKS) {
  if (await runCheck(check)) passed += 1;
  else failed += 1;
}
const tests = await runTests();
passed += tests.passed;
failed += tests.failed;

// Whoever sees only the end of the output still sees what went wrong.
for (const failure of tests.failures) console.log(`\n== failed\n${failure}`);

// No test needs a server of its own yet: everything there is has run.
if (tests.skipped > 0) console.log(`${tests.skipped} skipped: each says above what it needs`);
if (tests.skipped === 0) console.log("Nothing was skipped.");
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
