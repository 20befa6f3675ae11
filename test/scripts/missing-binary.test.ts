import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BINARY_MODULE = join(import.meta.dir, "..", "e2e", "binary.ts");
const TEST_FILE = `
import { expect, test } from "bun:test";
import { isBuilt } from "./binary.ts";
test("needs nothing", () => expect(1).toBe(1));
test.skipIf(!isBuilt)("needs the binary", () => expect(1).toBe(1));
`;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "missing-binary-"));
  mkdirSync(join(folder, "test", "e2e"), { recursive: true });
  copyFileSync(BINARY_MODULE, join(folder, "test", "e2e", "binary.ts"));
  writeFileSync(join(folder, "test", "e2e", "some.test.ts"), TEST_FILE);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function runTests(environment: Record<string, string>) {
  const { TESTS_NEED_BINARY: _, ...outer } = process.env;
  const child = Bun.spawn([process.execPath, "test"], {
    cwd: folder,
    env: { ...outer, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [said, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
  return { said, exitCode };
}

describe("tests of a binary that is not there", () => {
  test("fail where all of the tests are meant to run", async () => {
    const { said, exitCode } = await runTests({ TESTS_NEED_BINARY: "1" });
    expect(exitCode).not.toBe(0);
    expect(said).toContain("dist/orchestrator is missing");
  });

  test("are skipped, and say so, where somebody runs some tests", async () => {
    const { said, exitCode } = await runTests({});
    expect(exitCode).toBe(0);
    expect(said).toContain("Its tests are skipped");
    expect(said).toContain("1 skip");
  });
});
