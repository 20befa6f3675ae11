import { describe, expect, test } from "bun:test";
import { join } from "node:path";

async function outcomeOf(handler: string) {
  const program = Bun.spawn([process.execPath, join(import.meta.dir, "stray.program.ts"), handler], {
    stderr: "inherit",
  });
  return (await new Response(program.stdout).json()) as object;
}

describe("an error that a handler leaves behind costs a line of the log, which names its blueprint and place", () => {
  test("when it is a rejection", async () => {
    const outcome = await outcomeOf(`async (context, actions) => {
      Promise.reject(new Error("left behind"));
      await Bun.sleep(5);
      actions.transitionTo("finished");
    }`);

    expect(outcome).toMatchObject({
      kinds: ["ended", "ended"],
      level: "error",
      message: expect.stringContaining("left behind"),
      fields: { blueprint: "flow", place: expect.stringMatching(/flow-1\.ts:5:/) },
    });
  }, 10_000);

  test("when it is thrown by a timer", async () => {
    const outcome = await outcomeOf(`async (context, actions) => {
      setTimeout(() => {
        throw new Error("from a timer");
      }, 1);
      await Bun.sleep(20);
      actions.transitionTo("finished");
    }`);

    expect(outcome).toMatchObject({
      kinds: ["ended", "ended"],
      level: "error",
      message: expect.stringContaining("from a timer"),
      fields: { blueprint: "flow", place: expect.stringMatching(/flow-1\.ts:6:/) },
    });
  }, 10_000);
});
