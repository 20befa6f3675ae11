/** hatchet #3276: one payload that the database could not take held up the status of all the others. */
import { describe, expect, test } from "bun:test";
import { oneTask } from "../../support/blueprints.ts";
import { CLIENT, type World } from "../../support/engine.ts";
import { resultOf, StreamWorker } from "../../support/worker.ts";
import { createMany, startOnFile } from "./stage.ts";

/** JSON texts of objects, as they come in: what is kept is what was sent. */
const PAYLOADS: readonly (readonly [name: string, text: string])[] = [
  ["a null character", String.raw`{"a":"x\u0000y","\u0000":1}`],
  ["a lone surrogate", String.raw`{"a":"\ud800","b":"\udfff\ud800"}`],
  ["a lone surrogate that is not escaped", '{"a":"\ud800"}'],
  ["arrays in arrays", `{"a":${"[".repeat(200)}${"]".repeat(200)}}`],
  ["an integer that no machine number holds", '{"a":123456789012345678901234567890}'],
  ["a number beyond all", '{"a":1e400,"b":-1e400}'],
  ["names of the language's own", '{"__proto__":{"x":1},"constructor":2,"toString":null}'],
  ["a key that comes twice", '{"a":1,"a":2}'],
  ["a long text", JSON.stringify({ a: "é\u0000".repeat(200_000) })],
];

async function create(world: World, text: string): Promise<string> {
  const [id = ""] = await world.done(world.engine.jobs.create(CLIENT, [{ blueprint: "one", initialData: text }]));
  return id;
}

describe("one bad payload stalls the status", () => {
  for (const [name, text] of PAYLOADS) {
    test(`not of the others that are written with it, and it is kept whole or refused: ${name}`, async () => {
      const world = await startOnFile({ blueprints: [oneTask("one")] });
      const others = await createMany(world, "one", 20);
      const id = await create(world, text);
      const worker = await new StreamWorker(world, "w", { concurrency: 30 }).connect();
      expect((await world.view(id)).job.initialData).toBe(text);

      // All of them in one go, so that they share a write.
      const answering = worker.got.map((task) => {
        const result = resultOf("w", task, { data: {} });
        const bad = { ...result, data: text, raw: `{"status":"success","data":${text}}` };
        return world.engine.workers.result(task.job_id === id ? bad : result);
      });
      const answers = await world.done(Promise.all(answering));

      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(["result_accepted_success"]));
      for (const other of others) expect(await world.status(other)).toBe("finished");
      expect(await world.status(id)).toMatch(/^(finished|failed|quarantined)$/);
      await world.restart();
      expect((await world.view(id)).job.initialData).toBe(text);
      expect((await world.history(id)).at(-1)?.event_type).toMatch(/^job_(completed|failed)$/);
      expect(world.engine.repairs).toBe(0);
    });
  }
});
