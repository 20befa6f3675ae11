/** Compares what the server holds with what was acknowledged, once it has had time to finish. */
import type { Server } from "../binary.ts";
import { call, isTerminal, type JobDocument } from "../client.ts";
import type { Harm } from "./fleet.ts";
import type { Expected, Ledger } from "./ledger.ts";

const SETTLE_MS = 60_000;
const READERS = 16;
/** A hand-out may be under way when its worker dies. */
const UNDER_WAY_MS = 3_000;
/** Of each answer: the end of a history is what counts. */
const EVIDENCE_CHARACTERS = 5_000;
/** No task of the load runs for longer without a worker's being at fault. */
const IN_HAND_MS = 30_000;

export interface Verdict {
  /** Acknowledged, and not there afterwards. */
  readonly lost: readonly string[];
  /** Not terminal after a long time without any disturbance. */
  readonly stuck: readonly string[];
  /** Ended otherwise than it should. */
  readonly wrong: readonly string[];
  /** A result counted twice, or one was left out. */
  readonly miscounted: readonly string[];
  /** One request that was sent again made two jobs, or half a batch was made. */
  readonly doubled: readonly string[];
  /** An attempt was used up though nothing happened to its worker. */
  readonly burned: readonly string[];
}

export interface Judged extends Verdict {
  /** Attempts that were lost with their workers. */
  readonly explained: number;
  /** All that the server knows of the first of each kind: nobody can ask it once the campaign is over. */
  readonly evidence: string;
}

export function isClean({ lost, stuck, wrong, miscounted, doubled, burned }: Verdict): boolean {
  return [lost, stuck, wrong, miscounted, doubled, burned].every((list) => list.length === 0);
}

export interface Case {
  readonly server: Server;
  readonly ledger: Ledger;
  readonly harms: readonly Harm[];
  /** How long the jobs may take to end. */
  readonly settleMs?: number;
}

export async function judge({ server, ledger, harms, settleMs = SETTLE_MS }: Case): Promise<Judged> {
  const stuck = await untilSettled(server, settleMs);
  const stored = new Set(await idsOf(server));
  const lost = [...ledger.jobs.keys()].filter((id) => !stored.has(id));
  const wrong: string[] = [];
  const miscounted: string[] = [];
  const burned: string[] = [];
  const batches = new Map<string, number>();
  let explained = 0;

  await each([...stored], async (id) => {
    const job = (await call(server, `/api/v1/jobs/${id}`)).body as unknown as JobDocument;
    const mark = job.initial_data["mark"];
    if (typeof mark === "string") batches.set(mark, (batches.get(mark) ?? 0) + 1);
    const expected = ledger.jobs.get(id);
    if (expected) compare(job, expected, wrong, miscounted);
    if ((job.state_history["attempts_max"] ?? job.state_history["attempt"]) === 1) return;
    const runs = await attemptsOf(server, id);
    for (const run of runs) {
      if (run.isByDesign) continue;
      if (harms.some((harm) => explains(harm, run))) explained += 1;
      else burned.push(`${id}: ${JSON.stringify(run)}`);
    }
    if (expected?.flow === "doomed" && runs.length !== expected.attempts) {
      miscounted.push(`${id}: ${runs.length} attempts of ${expected.attempts}`);
    }
  });
  const doubled = [...ledger.doubled, ...halfBatches(ledger, batches)];
  const verdict = { lost, stuck, wrong, miscounted, doubled, burned };
  return { ...verdict, explained, evidence: await evidenceOf(server, verdict) };
}

/** Resolves with the jobs that are still open when the time is over. */
async function untilSettled(server: Server, settleMs: number): Promise<string[]> {
  const endMs = performance.now() + settleMs;
  for (;;) {
    const counts = (await call(server, "/api/v1/dashboard")).body["jobs"] as Readonly<Record<string, number>>;
    const open = Object.entries(counts).filter(([status, count]) => count > 0 && !isTerminal(status));
    const isOpen = open.some(([status]) => status !== "queued");
    if (!isOpen) return [];
    if (performance.now() > endMs) {
      const lists = await Promise.all(open.map(([status]) => idsOf(server, status === "queued" ? "pending" : status)));
      return [...new Set(lists.flat())];
    }
    await Bun.sleep(100);
  }
}

async function evidenceOf(server: Server, verdict: Verdict): Promise<string> {
  const named = Object.values(verdict).flatMap((found: readonly string[]) => found.slice(0, 1));
  const ids = new Set(named.flatMap((text) => /[0-9a-f-]{36}/.exec(text)?.[0] ?? []));
  if (ids.size === 0) return "";
  const paths = [...ids].flatMap((id) => [`/api/v1/jobs/${id}`, `/api/v1/jobs/${id}/history`]);
  const told = await Promise.all(
    [...paths, "/api/v1/workers", "/api/v1/dashboard"].map(async (path) => {
      const { text } = await call(server, path);
      return `${path}\n${text.slice(-EVIDENCE_CHARACTERS)}`;
    }),
  );
  return told.join("\n");
}

async function idsOf(server: Server, status?: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: unknown = ""; typeof cursor === "string";) {
    const next = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const filter = status === undefined ? "" : `&status=${status}`;
    const { body, text } = await call(server, `/api/jobs?limit=100${next}${filter}`);
    if (!Array.isArray(body["jobs"])) throw new Error(`Listing jobs was answered: ${text}`);
    ids.push(...(body["jobs"] as { readonly id: string }[]).map(({ id }) => id));
    cursor = body["next_cursor"];
  }
  return ids;
}

function compare(job: JobDocument, expected: Expected, wrong: string[], miscounted: string[]): void {
  const status = STATUS[expected.flow];
  if (job.status !== status) {
    wrong.push(`${job.id} (${expected.flow}): ${job.status}, not ${status}: ${JSON.stringify(job.error)}`);
    return;
  }
  const { counted, runs } = job.state_history;
  const found = JSON.stringify({ counted, runs });
  const count = countOf(expected);
  if (count === undefined) return;
  const hasAll = Array.isArray(counted) && Bun.deepEquals(sorted(expected, counted), [...Array(count).keys()]);
  const isGathered = expected.flow === "fanned" || (expected.flow === "family" && expected.children > 1);
  if (!hasAll || (isGathered && runs !== 1)) miscounted.push(`${job.id} (${expected.flow}): ${found}`);
}

const STATUS: Readonly<Record<Expected["flow"], string>> = {
  counting: "finished",
  fanned: "finished",
  flaky: "finished",
  sleeping: "finished",
  listening: "finished",
  family: "finished",
  doomed: "quarantined",
  batched: "finished",
  cancelled: "cancelled",
};

function countOf(expected: Expected): number | undefined {
  switch (expected.flow) {
    case "counting":
      return expected.steps;
    case "fanned":
      return expected.branches;
    case "family":
      return expected.children;
    case "sleeping":
      return 1;
    case "listening":
      return 2;
    default:
      return undefined;
  }
}

/** Steps come in their order, branches in any. */
function sorted(expected: Expected, counted: readonly unknown[]): readonly unknown[] {
  return expected.flow === "fanned" || expected.flow === "family"
    ? counted.toSorted((one, other) => Number(one) - Number(other))
    : counted;
}

interface Attempt {
  readonly worker: string;
  readonly number: number;
  readonly code: string;
  readonly isByDesign: boolean;
  readonly givenAtMs: number | undefined;
  readonly lostAtMs: number;
}

interface Told {
  readonly event_type: string;
  readonly timestamp: string;
  readonly worker_id: string | null;
  readonly attempt_number: number | null;
  readonly context_snapshot: {
    readonly task_info?: { readonly task_id: string };
    readonly result?: { readonly status: string; readonly error?: { readonly code: string; readonly message: string } };
  };
}

/** The attempts of a job that failed, as its own history tells them. */
async function attemptsOf(server: Server, id: string): Promise<Attempt[]> {
  const { text } = await call(server, `/api/v1/jobs/${id}/history`);
  const events = JSON.parse(text) as readonly Told[];
  return events.flatMap((event, place) => {
    const { result } = event.context_snapshot;
    if (event.event_type !== "task_finished" || result?.status !== "failure") return [];
    const given = events.slice(0, place).findLast((earlier) => {
      return (
        earlier.event_type === "task_dispatched" &&
        earlier.worker_id === event.worker_id &&
        earlier.attempt_number === event.attempt_number
      );
    });
    return {
      worker: event.worker_id ?? "",
      number: event.attempt_number ?? 0,
      code: result.error?.code ?? "",
      isByDesign: result.error?.message === "by design",
      givenAtMs: given && Date.parse(given.timestamp),
      lostAtMs: Date.parse(event.timestamp),
    };
  });
}

/** The worker was dead or stood still while it should have worked on it. */
function explains({ worker, fromMs, toMs }: Harm, run: Attempt): boolean {
  if (worker !== run.worker || run.lostAtMs < fromMs) return false;
  const givenAtMs = run.givenAtMs ?? run.lostAtMs - IN_HAND_MS;
  return givenAtMs <= toMs + UNDER_WAY_MS && givenAtMs >= fromMs - IN_HAND_MS;
}

function halfBatches(ledger: Ledger, found: ReadonlyMap<string, number>): string[] {
  const halves: string[] = [];
  for (const [mark, { size, isAcknowledged }] of ledger.batches) {
    const jobs = found.get(mark) ?? 0;
    if (jobs !== size && (isAcknowledged || jobs > 0)) halves.push(`batch ${mark}: ${jobs} jobs of ${size}`);
  }
  return halves;
}

async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: READERS }, async () => {
      for (const item of left) await work(item);
    }),
  );
}
