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
      const got = (jobId: string) => void deliveries.set(jobId, (deliveries.get(jobId) ?? 0) + 1);
      const crowd = new Crowd({ port: server.port, token: server.workerToken, polling: EACH, streaming: EACH, got });
      await crowd.come();
      const { jobs, finished } = await storm({ server, crowd, deliveries, limitMs: 30_000 });
      expect([jobs, finished, deliveries.size]).toEqual([4 * EACH, 4 * EACH, 4 * EACH]);
      expect(crowd.isWhole).toBe(true);
      crowd.leave();
    } finally {
      await server.stop();
      folder.remove();
    }
  },
  LIMIT_MS,
);
