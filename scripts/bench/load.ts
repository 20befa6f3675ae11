/**
 * A quick look at speed: `bun scripts/bench/load.ts [seconds]` starts dist/orchestrator with a
 * worker, each a process of its own, and loads it over HTTP. Prints jobs a second and latencies.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type LoadClient } from "./http-load.ts";

const root = join(import.meta.dir, "..", "..");
const binary = process.env["BENCH_BINARY"] ?? join(root, "dist", "orchestrator");
const work = join(import.meta.dir, "work");
const seconds = Number(process.argv[2] ?? 8);
const CONNECTIONS = 200;
const TOKEN = "bench";
const PAYLOAD = { customer: "customer-1234567890", note: "x".repeat(140), amount: 12.5 };

const folder = mkdtempSync(join(tmpdir(), "orchestrator-bench-"));
const environment = {
  ...process.env,
  CLIENT_TOKEN: TOKEN,
  WORKER_TOKEN: "bench-worker",
  OPERATOR_TOKEN: "bench-operator",
};

function start(argv: readonly string[]): Bun.Subprocess {
  return Bun.spawn([binary, ...argv], { env: environment, cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
}

async function until(isDone: () => Promise<boolean>, limitMs = 120_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isDone())) {
    if (performance.now() > endMs) throw new Error("the server did not get there in time");
    await Bun.sleep(2);
  }
}

async function finished(client: LoadClient): Promise<number> {
  const text = await client.get("/_public/metrics");
  return Number(/orchestrator_jobs\{status="finished"\} (\d+)/.exec(text)?.[1] ?? 0);
}

/** Closed loop: each connection sends its next job when the last one is safe. */
async function closedLoop(clients: readonly LoadClient[], path: string): Promise<number> {
  const [probe] = clients;
  if (!probe) return 0;
  const before = await finished(probe);
  const beganMs = performance.now();
  const endMs = beganMs + seconds * 1000;
  let sent = 0;
  const body = JSON.stringify(PAYLOAD);
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < endMs) {
        await client.post(path, body, 202);
        sent += 1;
      }
    }),
  );
  await until(async () => (await finished(probe)) - before >= sent);
  return sent / ((performance.now() - beganMs) / 1000);
}

async function oneByOne(client: LoadClient, count: number): Promise<number[]> {
  const times: number[] = [];
  const body = JSON.stringify(PAYLOAD);
  for (let index = 0; index < count; index++) {
    const beganMs = performance.now();
    const { job_id: id } = JSON.parse(await client.post("/api/v1/bench/one", body, 202)) as { job_id: string };
    while (!(await client.get(`/api/v1/jobs/${id}?fields=status`)).includes('"finished"'));
    times.push(performance.now() - beganMs);
  }
  return times.toSorted((a, b) => a - b);
}

async function fanOut(client: LoadClient, count: number): Promise<number> {
  const beganMs = performance.now();
  const { job_id: id } = JSON.parse(await client.post("/api/v1/bench/fan", JSON.stringify({ count }), 202)) as {
    job_id: string;
  };
  await until(async () => (await client.get(`/api/v1/jobs/${id}?fields=status`)).includes('"finished"'));
  return performance.now() - beganMs;
}

function memoryMb(child: Bun.Subprocess): number {
  const status = Bun.spawnSync(["cat", `/proc/${child.pid}/status`]).stdout.toString();
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

const port = 20_000 + (process.pid % 20_000);
const serve = [
  "serve",
  "--port",
  String(port),
  "--blueprints",
  work,
  "--data-dir",
  join(folder, "data"),
  "--log-level",
  "warn",
];
const server = start(process.env["BENCH_PROFILE"] ? serve : serve);
const worker = start([
  "worker",
  join(work, "_worker.ts"),
  "--url",
  `http://127.0.0.1:${port}`,
  "--token",
  "bench-worker",
]);
try {
  await until(async () => (await fetch(`http://127.0.0.1:${port}/_public/status`).catch(() => undefined))?.ok === true);
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => createClient(port, TOKEN)));
  const [client] = clients;
  if (!client) throw new Error("no connection");
  await oneByOne(client, 200);
  const alone = await oneByOne(client, 300);
  console.log(`one alone: p50 ${alone[150]?.toFixed(2)} ms, p99 ${alone[297]?.toFixed(2)} ms`);
  console.log(`1 step: ${Math.round(await closedLoop(clients, "/api/v1/bench/one"))} jobs a second`);
  console.log(`3 steps: ${Math.round(await closedLoop(clients, "/api/v1/bench/three"))} jobs a second`);
  console.log(`fan-out of 1,000: ${Math.round(await fanOut(client, 1000))} ms`);
  console.log(`memory: server ${memoryMb(server)} MB, worker ${memoryMb(worker)} MB`);
} finally {
  worker.kill("SIGTERM");
  await worker.exited;
  server.kill("SIGTERM");
  await server.exited;
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
