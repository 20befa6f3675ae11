/** The compiled server of a scale run, on one folder: started again and again, and asked how it is. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { answers, eventually, freePort, Program } from "../bench/sides/program.ts";
import { openConnection } from "../bench/load/connection.ts";
import { percentile } from "../bench/load/workloads.ts";
import { usageOf } from "../bench/sides/usage.ts";

const binary = join(import.meta.dir, "..", "..", "dist", "orchestrator");
const work = join(import.meta.dir, "work");
const TOKENS = { CLIENT_TOKEN: "scale-client", WORKER_TOKEN: "scale-worker", OPERATOR_TOKEN: "scale-operator" };
const HEADERS = `X-Client-Token: ${TOKENS.CLIENT_TOKEN}\r\n`;
const READY_MS = 300_000;

export interface Starting {
  readonly firstAnswerMs: number;
  /** A new job was accepted. */
  readonly firstJobMs: number;
  readonly readyMs: number;
}

export class ScaledServer {
  readonly #port = freePort();
  #program: Program | undefined;
  #worker: Program | undefined;

  constructor(readonly folder: string) {}

  get #running(): Program {
    if (!this.#program) throw new Error("the server does not run");
    return this.#program;
  }

  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.#running.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
  }

  get peakBytes(): number {
    const status = readFileSync(`/proc/${this.#running.pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024;
  }

  get port(): number {
    return this.#port;
  }

  get clientToken(): string {
    return TOKENS.CLIENT_TOKEN;
  }

  get workerToken(): string {
    return TOKENS.WORKER_TOKEN;
  }

  get cpuSeconds(): number {
    return usageOf(this.#running.pid).cpuSeconds;
  }

  /** Creates so many jobs a second for so long; resolves with each job's id and when it was asked for. */
  async trickle(kind: string, perSecond: number, seconds: number): Promise<ReadonlyMap<string, number>> {
    const asked = new Map<string, number>();
    const connection = await openConnection(this.#port, HEADERS);
    const beganMs = performance.now();
    for (let index = 0; index < perSecond * seconds; index++) {
      const waitMs = beganMs + (index * 1000) / perSecond - performance.now();
      if (waitMs > 0) await Bun.sleep(waitMs);
      const askedMs = performance.now();
      const text = await connection.post(`/api/v1/scale/${kind}`, '{"initial_data":{}}', 202);
      asked.set((JSON.parse(text) as { job_id: string }).job_id, askedMs);
    }
    connection.close();
    return asked;
  }

  async start(): Promise<Starting> {
    const beganMs = performance.now();
    const where = ["--port", String(this.#port), "--data-dir", join(this.folder, "data"), "--blueprints", work];
    const command = [binary, "serve", ...where, "--log-level", "warn"];
    const server = new Program({ name: "server", command, folder: this.folder, environment: TOKENS });
    this.#program = server;
    await eventually("the server answers", [server], () => answers(this.#url("/_public/live")), READY_MS);
    const firstAnswerMs = performance.now() - beganMs;
    await eventually("a job is accepted", [server], () => this.#isAccepted(), READY_MS);
    const firstJobMs = performance.now() - beganMs;
    await eventually("the server is ready", [server], () => answers(this.#url("/_public/status")), READY_MS);
    return { firstAnswerMs, firstJobMs, readyMs: performance.now() - beganMs };
  }

  /** `kill -9`: nothing is flushed, nothing is said. */
  async kill(): Promise<void> {
    await this.#program?.kill();
    this.#program = undefined;
  }

  async stop(): Promise<void> {
    await this.#worker?.stop();
    await this.#program?.stop();
    this.#worker = undefined;
    this.#program = undefined;
  }

  /** Seconds that it took. Some batches are on their way at once, as many as a few clients would send. */
  async fill(jobs: number, batchJobs: number, callers: number): Promise<number> {
    const beganMs = performance.now();
    const target = (await this.waiting()) + jobs;
    let left = jobs;
    const caller = async (): Promise<void> => {
      const connection = await openConnection(this.#port, HEADERS);
      while (left > 0) {
        const count = Math.min(batchJobs, left);
        left -= count;
        await connection.post("/api/v1/scale/parked/batch", batchOf(count), 202);
      }
      connection.close();
    };
    await Promise.all(Array.from({ length: callers }, caller));
    await eventually("all jobs wait", [this.#running], async () => (await this.waiting()) >= target, READY_MS);
    return (performance.now() - beganMs) / 1000;
  }

  /** So many jobs at once; resolves with their ids once they are accepted. */
  async add(kind: string, count: number): Promise<readonly string[]> {
    const connection = await openConnection(this.#port, HEADERS);
    const text = await connection.post(`/api/v1/scale/${kind}/batch`, batchOf(count), 202);
    connection.close();
    return (JSON.parse(text) as { jobs: { job_id: string }[] }).jobs.map(({ job_id: id }) => id);
  }

  async finished(): Promise<number> {
    return Number(/status="finished"} (\d+)/.exec(await this.#metrics())?.[1] ?? 0);
  }

  /** The median of a new job from its creation to its end, one after the other, in milliseconds. */
  async medianOfNewJobs(count: number): Promise<number> {
    await this.#hireWorker();
    const connection = await openConnection(this.#port, HEADERS);
    const timesMs: number[] = [];
    for (let index = 0; index < count; index++) {
      const beganMs = performance.now();
      const text = await connection.post("/api/v1/scale/brisk", JSON.stringify({ initial_data: { index } }), 202);
      const { job_id: id } = JSON.parse(text) as { job_id: string };
      const told = await connection.get(`/api/v1/jobs/${id}/events`);
      if (!told.includes('"status":"finished"')) throw new Error(`a job did not finish: ${told}`);
      timesMs.push(performance.now() - beganMs);
    }
    connection.close();
    return percentile(
      timesMs.toSorted((a, b) => a - b),
      0.5,
    );
  }

  async #hireWorker(): Promise<void> {
    if (this.#worker) return;
    const url = this.#url("");
    const command = [binary, "worker", join(work, "_worker.ts"), "--url", url, "--token", TOKENS.WORKER_TOKEN];
    const worker = new Program({ name: "worker", command, folder: this.folder });
    this.#worker = worker;
    await eventually("the worker is connected", [this.#running, worker], async () =>
      (await this.#metrics()).includes("orchestrator_worker_sockets 1"),
    );
  }

  async #isAccepted(): Promise<boolean> {
    const response = await fetch(this.#url("/api/v1/scale/parked"), {
      method: "POST",
      headers: { "X-Client-Token": TOKENS.CLIENT_TOKEN, "content-type": "application/json" },
      body: '{"initial_data":{}}',
    });
    return response.status === 202;
  }

  /** Jobs whose task is with a worker, or in the queue. */
  async waiting(): Promise<number> {
    return Number(/status="waiting_for_worker"} (\d+)/.exec(await this.#metrics())?.[1] ?? 0);
  }

  async #metrics(): Promise<string> {
    return (await fetch(this.#url("/_public/metrics"))).text();
  }

  #url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }
}

function batchOf(count: number): string {
  const job = '{"initial_data":{"order":4711,"customer":"somebody","lines":[{"article":"a-1","count":3}]}}';
  return `{"jobs":[${Array.from({ length: count }, () => job).join(",")}]}`;
}
