import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { TurnReply } from "../../src/handlers/index.ts";
import { openWorkshop, type Workshop } from "./blueprints.ts";

let shop: Workshop;
beforeEach(async () => {
  shop = await openWorkshop();
});
afterEach(() => shop.drop());

/** The replies of one process, or undefined when it was killed. */
async function repliesOfProcess(bad: string, good: string, attempt = 1): Promise<TurnReply[] | undefined> {
  const file = join(import.meta.dir, "crash.program.ts");
  const program = Bun.spawn([process.execPath, file, shop.folder, bad, good, String(attempt)], { stderr: "ignore" });
  const text = await new Response(program.stdout).text();
  return (await program.exited) === 0 ? (JSON.parse(text) as TurnReply[]) : undefined;
}

const SLOW = `async (context, actions) => {
  context.stateHistory.attempt = context.attempt;
  await Bun.sleep(context.attempt === 1 ? 1_000 : 1);
  actions.transitionTo("finished");
}`;

describe("a handler that kills the process", () => {
  test("is found out: after three deaths while it ran alone it is not run any more", async () => {
    const bad = await shop.bundle({ start: "() => process.kill(process.pid, 'SIGKILL')" });
    const good = await shop.bundle({ start: SLOW });

    // With the other one; then alone, three times.
    for (let death = 0; death < 4; death++) expect(await repliesOfProcess(bad, good)).toBeUndefined();
    const replies = await repliesOfProcess(bad, good);

    expect(replies?.[0]?.ending.kind).toBe("ended");
    expect(replies?.[1]).toMatchObject({
      crashes: 3,
      ending: { kind: "broke", alone: true, error: { code: "HANDLER_KILLED_PROCESS" } },
    });
    expect((await repliesOfProcess(bad, good, 4))?.[1]?.ending).toMatchObject({
      error: { code: "HANDLER_KILLED_PROCESS" },
    });
  }, 30_000);

  test("costs the handler beside it no attempt, though that is told of the run that was cut short", async () => {
    const bad = await shop.bundle({
      start: `(context, actions) => {
        if (context.attempt === 1) process.kill(process.pid, "SIGKILL");
        actions.transitionTo("finished");
      }`,
    });
    const good = await shop.bundle({ start: SLOW });

    expect(await repliesOfProcess(bad, good)).toBeUndefined();
    const [innocent] = (await repliesOfProcess(bad, good)) ?? [];

    expect(innocent).toMatchObject({ stateHistory: '{"attempt":2}', ending: { kind: "ended" } });
    expect(innocent?.crashes).toBeUndefined();
  }, 30_000);
});
