/** A campaign proves nothing if its judge sees nothing: each thing that it looks for is planted once. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isBuilt, Server } from "./binary.ts";
import { submit, waitForEnd, waitForRunningTask } from "./client.ts";
import { SHORT_TIMES } from "./crash/campaign.ts";
import { Fleet } from "./crash/fleet.ts";
import { judge } from "./crash/judge.ts";
import { Ledger } from "./crash/ledger.ts";

const LIMIT_MS = 60_000;

describe.skipIf(!isBuilt)("the judge of the crash campaign", () => {
  const server = new Server({ blueprints: join(import.meta.dir, "crash", "blueprints"), environment: SHORT_TIMES });
  let fleet: Fleet;

  beforeAll(async () => {
    await server.start();
    fleet = new Fleet(server, ["stream-1"]);
  }, LIMIT_MS);
  afterAll(async () => {
    await fleet.end();
    await server.remove();
  });

  test(
    "finds jobs that are lost, stuck, wrong, miscounted or made twice, and attempts burned for nothing",
    async () => {
      const ledger = new Ledger();
      const [short, ended, burned, open] = [
        await submit(server, "jobs/counting", { steps: 1 }),
        await submit(server, "jobs/counting", { steps: 1 }),
        await submit(server, "jobs/counting", { steps: 1, ms: 1000 }),
        await submit(server, "jobs/endless"),
      ];
      ledger.acknowledge("lost", ["nowhere"], { flow: "counting", steps: 1 });
      ledger.acknowledge("short", [short], { flow: "counting", steps: 2 });
      ledger.acknowledge("ended", [ended], { flow: "cancelled" });
      ledger.acknowledge("ended", [short], { flow: "counting", steps: 2 });
      ledger.batches.set("half", { size: 2, isAcknowledged: false });
      await submit(server, "jobs/batched", { mark: "half" });
      await waitForRunningTask(server, burned);
      await fleet.kill("stream-1");
      fleet.start("stream-1");
      await waitForEnd(server, burned, 30_000);

      const found = await judge({ server, ledger, harms: [], settleMs: 500 });
      expect(found).toMatchObject({
        lost: ["nowhere"],
        stuck: [open],
        wrong: [expect.stringContaining(ended)],
        miscounted: [expect.stringContaining(short)],
        doubled: [expect.stringContaining("ended"), expect.stringContaining("half")],
      });
      expect(found.burned.some((line) => line.startsWith(burned))).toBe(true);
      const known = await judge({ server, ledger, harms: fleet.harms, settleMs: 500 });
      expect(known.burned).toEqual([]);
      // The kill may cost another job its attempt while we look: what is explained is what was burned before or after.
      const later = await judge({ server, ledger, harms: [], settleMs: 500 });
      expect(known.explained).toBeGreaterThanOrEqual(found.burned.length);
      expect(known.explained).toBeLessThanOrEqual(later.burned.length);
    },
    LIMIT_MS,
  );
});
