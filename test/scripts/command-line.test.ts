import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const SCRIPTS = ["crash", "crowd", "large-file", "scale", "simulate", "timers", "torn-log"];

async function run(script: string, ...args: string[]) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../scripts", `${script}.ts`), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, code };
}

describe.each(SCRIPTS)("bun run %s", (script) => {
  test("--help says what it does and how it is called", async () => {
    const { out, err, code } = await run(script, "--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(`Usage: bun run ${script}`);
  });

  test("an option that there is not is named, with those that there are", async () => {
    const { out, err, code } = await run(script, "--nonsense");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("--nonsense");
    expect(err).toContain(`Usage: bun run ${script}`);
  });
});

test("a number that is none is named, with what it has to be", async () => {
  for (const text of ["x", "", "0", "1.5", "-1"]) {
    const { err, code } = await run("simulate", `--seeds=${text}`);
    expect([code, err.trim()]).toEqual([2, `--seeds is "${text}": it has to be a whole number from 1 on.`]);
  }
});
