/** A crowd of workers loses its server and comes back to the next one all at once: nothing is lost, nothing counts twice. */
import { expect, test } from "bun:test";
import { Crowd } from "../../scripts/scale/crowd.ts";
import { ScaledServer } from "../../scripts/scale/server.ts";
import { storm } from "../../scripts/scale/storm.ts";
import { isBuilt, temporaryFolder } from "./binary.ts";

const LIMIT_MS = 90_000;
const EACH = 200;

test.skipIf(!isBuilt)(
  "workers that all lose a killed server and come back at once end what they had in hand, and what waited",
  async () => {
    const folder = temporaryFolder();
    const server = new ScaledServer(folder.path);
    const deliveries = new Map<string, number>();
    try {
      await server.start();
      const gotMs = new Map<string, number>();
      const got = (jobId: string, atMs: number) => {
        deliveries.set(jobId, (deliveries.get(jobId) ?? 0) + 1);
        if (!gotMs.has(jobId)) gotMs.set(jobId, atMs);
      };
      const crowd = new Crowd({ port: server.port, token: server.workerToken, polling: EACH, streaming: EACH, got });
      await crowd.come();
      const report = await storm({ server, crowd, deliveries, gotMs, rate: 20, limitMs: 30_000 });
      const { jobs, finished, countedTwice, burned, before, during, after } = report;
      expect([finished, deliveries.size, countedTwice, burned]).toEqual([jobs, jobs, 0, 0]);
      // Jobs came all the time, and each of them came to a worker.
      expect(Math.min(before.jobs, during.jobs, after.jobs)).toBeGreaterThan(0);
      expect(crowd.isWhole).toBe(true);
      crowd.leave();
    } finally {
      await server.stop();
      folder.remove();
    }
  },
  LIMIT_MS,
);
