import { afterEach, describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { oneTask } from "../support/blueprints.ts";
import { World } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

const outputSchema = Type.Object({ total: Type.Number({ minimum: 0 }) });

async function answered(result: object, transitions: Record<string, string> = {}) {
  world = await World.start({ blueprints: [oneTask("sum", { outputSchema, transitions })] });
  const worker = await new StreamWorker(world, "adder").connect();
  const id = await world.create("sum");
  await worker.answer(result);
  return (await world.view(id)).job;
}

describe("a task with an outputSchema", () => {
  test("goes on with a result that fits", async () => {
    expect(await answered({ data: { total: 3 } })).toMatchObject({ state: "done", stateHistory: '{"total":3}' });
  });

  test("fails for good, without another attempt, where the result does not fit", async () => {
    const job = await answered({ data: { total: -1 } });
    expect(job).toMatchObject({ state: "failed", error: { code: "CONTRACT_VIOLATION_ERROR" } });
    expect(job.error?.message).toContain("Worker adder returned what the outputSchema of t does not take: data/total");
    expect(job.stateHistory).not.toContain("total");
  });

  test("fails where the result holds nothing", async () => {
    expect(await answered({})).toMatchObject({ state: "failed", error: { code: "CONTRACT_VIOLATION_ERROR" } });
  });

  test("asks it of successes alone", async () => {
    const job = await answered({ status: "empty", data: { reason: "no rows" } }, { empty: "done" });
    expect(job).toMatchObject({ state: "done", stateHistory: '{"reason":"no rows"}' });
  });
});
