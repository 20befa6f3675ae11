/** inngest #1982: a server that does the same work hour after hour needs more memory each time. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { HOURS, type Hours } from "./memory-hours.ts";

const JOBS = 300;
/** Of an hour: one object kept for each job would be twice as many. */
const OBJECTS_MORE_MAX = JOBS / 2;
const SCRIPT = join(import.meta.dir, "memory-hours.ts");

for (const taskBytesInMemory of [0, 64 * 1024 * 1024]) {
  test(`memory grows by the hour, with ${taskBytesInMemory} bytes for tasks`, async () => {
    const command = [process.execPath, SCRIPT, String(taskBytesInMemory), String(JOBS)];
    const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "inherit"] });
    const [text, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
    expect(exitCode).toBe(0);
    const { counts, left, repairs } = JSON.parse(text) as Hours;
    // The collector lets go of some things later than of others: the hour in the middle counts.
    const grown = counts.slice(1).map((count, hour) => count - (counts[hour] ?? 0));
    expect(grown).toHaveLength(HOURS);
    const more = grown.toSorted((one, other) => one - other)[Math.floor(HOURS / 2)];

    expect(left).toEqual([0, 0, 0]);
    expect(more).toBeLessThan(OBJECTS_MORE_MAX);
    expect(repairs).toBe(0);
  }, 120_000);
}
