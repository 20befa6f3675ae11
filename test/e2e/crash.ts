/**
 * Rounds of `kill -9` under load. A client outside of the server keeps the list of what was
 * acknowledged; at the end every one of these jobs has to have finished, with each result counted once.
 */
import { join } from "node:path";
import { eventually, Server, startWorker } from "./binary.ts";
import { call, type JobDocument } from "./client.ts";

const STEPS = 3;
const CLIENTS = 8;
const LIFE_MS_MIN = 150;
const LIFE_MS_MAX = 1500;
const SETTLE_MS = 90_000;

export interface CrashOptions {
  readonly rounds: number;
  /** A number from 0 to 1, called once a round. */
  readonly chance?: () => number;
  readonly say?: (line: string) => void;
}

export interface CrashReport {
  readonly acknowledged: number;
  /** Acknowledged, and not there afterwards. */
  readonly lost: readonly string[];
  /** There, and not terminal after a long time without a crash. */
  readonly stuck: readonly string[];
  /** Ended otherwise than it should: a crash of ours cost the user something. */
  readonly failed: readonly string[];
  /** A result counted twice, or one was left out. */
  readonly miscounted: readonly string[];
  /** One request that was sent again made two jobs. */
  readonly doubled: number;
}

export async function runCrashRounds({
  rounds,
  chance = Math.random,
  say = () => undefined,
}: CrashOptions): Promise<CrashReport> {
  const server = new Server({ blueprints: join(import.meta.dir, "blueprints") });
  await server.start();
  const worker = startWorker(server, [join(import.meta.dir, "workers", "counting.ts")]);
  const ledger = createLedger();
  const clients = Array.from({ length: CLIENTS }, (_, index) => submitUntilStopped(server, ledger, index));
  try {
    for (let round = 1; round <= rounds; round++) {
      await Bun.sleep(LIFE_MS_MIN + chance() * (LIFE_MS_MAX - LIFE_MS_MIN));
      await server.kill();
      const beganMs = performance.now();
      await server.start(30_000);
      say(
        `round ${round}: ready again after ${Math.round(performance.now() - beganMs)} ms, ${ledger.ids.size} acknowledged`,
      );
    }
    ledger.isClosed = true;
    await Promise.all(clients);
    return await judge(server, ledger);
  } finally {
    ledger.isClosed = true;
    await Promise.allSettled(clients);
    await worker.kill();
    await server.remove();
  }
}

interface Ledger {
  /** Job id by the key of the request that was acknowledged. */
  readonly ids: Map<string, string>;
  isClosed: boolean;
}

function createLedger(): Ledger {
  return { ids: new Map(), isClosed: false };
}

async function submitUntilStopped(server: Server, ledger: Ledger, client: number): Promise<void> {
  for (let number = 0; !ledger.isClosed; number++) {
    const key = `client-${client}-${number}`;
    const id = await submitOnce(server, ledger, key);
    if (id !== undefined) ledger.ids.set(key, id);
  }
}

/** Sent again under the same key until it is acknowledged: the client does not know what a broken connection left behind. */
async function submitOnce(server: Server, ledger: Ledger, key: string): Promise<string | undefined> {
  while (!ledger.isClosed) {
    const answer = await call(server, "/api/v1/jobs/counting", {
      method: "POST",
      body: JSON.stringify({ initial_data: { steps: STEPS } }),
      headers: { "idempotency-key": key },
    }).catch(() => undefined);
    if (answer?.status === 202) return String(answer.body["job_id"]);
    await Bun.sleep(20);
  }
  return undefined;
}

async function judge(server: Server, ledger: Ledger): Promise<CrashReport> {
  const lost: string[] = [];
  const stuck: string[] = [];
  const failed: string[] = [];
  const miscounted: string[] = [];
  for (const id of ledger.ids.values()) {
    const job = await settled(server, id);
    if (!job) lost.push(id);
    else if (job === "stuck") stuck.push(id);
    else if (job.status !== "finished") failed.push(`${id}: ${job.status} ${JSON.stringify(job.error)}`);
    else if (!isCountedOnce(job)) miscounted.push(`${id}: ${JSON.stringify(job.state_history)}`);
  }
  const doubled = ledger.ids.size - new Set(ledger.ids.values()).size + (await jobsBeyond(server, ledger));
  return { acknowledged: ledger.ids.size, lost, stuck, failed, miscounted, doubled };
}

async function settled(server: Server, id: string): Promise<JobDocument | "stuck" | undefined> {
  let job: JobDocument | undefined;
  let isThere = true;
  try {
    await eventually(`job ${id} ends`, SETTLE_MS, async () => {
      const answer = await call(server, `/api/v1/jobs/${id}`);
      isThere = answer.status !== 404;
      job = answer.body as unknown as JobDocument;
      return !isThere || ["finished", "failed", "cancelled", "quarantined", "error"].includes(job.status);
    });
  } catch {
    // It is what is looked for: the report names the job.
    return "stuck";
  }
  return isThere ? job : undefined;
}

function isCountedOnce(job: JobDocument): boolean {
  const expected = Array.from({ length: STEPS }, (_, step) => step);
  return Bun.deepEquals(job.state_history["counted"], expected);
}

/**
 * More jobs than keys that were ever sent means that a request made two. Each client may have one
 * key whose last try was not acknowledged before it stopped.
 */
async function jobsBeyond(server: Server, ledger: Ledger): Promise<number> {
  let total = 0;
  let cursor: unknown;
  do {
    const next = typeof cursor === "string" ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const { body } = await call(server, `/api/jobs?blueprint=counting_flow&limit=100${next}`);
    total += Array.isArray(body["jobs"]) ? body["jobs"].length : 0;
    cursor = body["next_cursor"];
  } while (typeof cursor === "string");
  return Math.max(0, total - ledger.ids.size - CLIENTS);
}
