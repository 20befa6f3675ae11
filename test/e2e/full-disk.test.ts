/** The disk is filled under the running program: what was accepted goes on, and nothing of it is lost. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, Server } from "./binary.ts";
import { type Answer, call, cancel, read, submit, waitForEnd, waitForRunningTask } from "./client.ts";
import { Fleet } from "./crash/fleet.ts";
import { SmallDisk, whyNoSmallDisk } from "../support/small-disk.ts";

const LIMIT_MS = 120_000;
/** Twice the reserve has to be free for it to be made. */
const DISK_MB = 160;
const RESERVE_BYTES = 64 * 1024 * 1024;
const TRIES_MAX = 3000;
const large = "x".repeat(20_000);

const missing = whyNoSmallDisk();
if (missing !== undefined) console.warn(`The tests of a full disk are skipped: ${missing}.`);

describe.skipIf(!isBuilt || missing !== undefined)("a disk that fills up under the server", () => {
  let disk: SmallDisk;
  let server: Server;
  let fleet: Fleet;
  /** All that was acknowledged, and how it has to end. */
  const ledger = new Map<string, string>();

  const create = () =>
    call(server, "/api/v1/jobs/counting", { method: "POST", body: JSON.stringify({ steps: 1, large }) });
  const keep = async (endpoint: string, data: object, end: string) => {
    const id = await submit(server, endpoint, data);
    ledger.set(id, end);
    return id;
  };

  /** Jobs are started until one is refused; those that were accepted are kept. */
  async function createUntilRefused(): Promise<Answer> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const answer = await create();
      if (answer.status !== 202) return answer;
      ledger.set(String(answer.body["job_id"]), "finished");
    }
    throw new Error("the disk never filled up");
  }

  beforeAll(async () => {
    disk = new SmallDisk(DISK_MB);
    const blueprints = join(import.meta.dir, "crash", "blueprints");
    const environment = { LOG_LEVEL: "warn", CANCEL_GRACE_SECONDS: "2", WORKER_TIMEOUT_SECONDS: "10" };
    server = new Server({ blueprints, dataDir: join(disk.path, "data"), environment });
    await server.start();
    fleet = new Fleet(server, ["stream-1", "poll-1"]);
    const reserve = join(server.dataDir, "ballast");
    await eventually("space is reserved", 10_000, async () => {
      return existsSync(reserve) && statSync(reserve).size === RESERVE_BYTES;
    });
  }, LIMIT_MS);
  afterAll(async () => {
    await fleet.end();
    await server.remove();
    disk.remove();
  });

  test(
    "refuses new jobs with STORE_FULL and Retry-After, and takes results and cancels",
    async () => {
      const running = await keep("jobs/counting", { steps: 2, ms: 1500 }, "finished");
      const endless = await keep("jobs/endless", { hasTransition: true }, "cancelled");
      await waitForRunningTask(server, endless);
      disk.fill();
      const refused = await createUntilRefused();
      expect(refused).toMatchObject({ status: 503, body: { code: "STORE_FULL" } });
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      expect((await cancel(server, endless)).status).toBe(200);
      expect((await waitForEnd(server, endless)).status).toBe("cancelled");
      expect((await waitForEnd(server, running)).status).toBe("finished");
    },
    LIMIT_MS,
  );

  test(
    "after kill -9 the space that was given up is still kept for what was accepted",
    async () => {
      const before = ledger.size;
      await server.kill();
      await server.start();
      const refused = await createUntilRefused();
      expect(refused).toMatchObject({ status: 503, body: { code: "STORE_FULL" } });
      expect(ledger.size - before).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    "with every byte gone it neither loses nor invents anything, kill -9 included",
    async () => {
      disk.fill();
      expect((await create()).status).toBe(503);
      await server.kill();
      const program = server.launch();
      // It may serve or it may say why not: what it must not do is to harm what is there.
      await eventually("it serves, or has ended with a reason", 15_000, async () => {
        if (program.hasEnded) return true;
        return (await fetch(`${server.url}/_public/status`).catch(() => undefined))?.ok === true;
      });
      if (program.hasEnded) expect(program.log).toMatch(/space|full/);
      await server.kill();
    },
    LIMIT_MS,
  );

  test(
    "once there is room it takes new jobs again, reserves the space anew, and all that was accepted has ended as it should",
    async () => {
      disk.clear();
      await server.start();
      await eventually("new jobs are taken", 15_000, async () => {
        const answer = await create();
        if (answer.status === 202) ledger.set(String(answer.body["job_id"]), "finished");
        return answer.status === 202;
      });
      for (const [id, end] of ledger) {
        await waitForEnd(server, id, 30_000);
        expect([id, (await read(server, id)).status]).toEqual([id, end]);
      }
      await eventually("space is reserved again", 10_000, async () => {
        await create();
        return statSync(join(server.dataDir, "ballast"), { throwIfNoEntry: false })?.size === RESERVE_BYTES;
      });
    },
    LIMIT_MS,
  );
});
