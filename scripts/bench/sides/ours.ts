/** The compiled server, one worker process, jobs over HTTP. */
import { join } from "node:path";
import type { HttpDoorSettings } from "../load/http-door.ts";
import { WORKLOADS } from "../load/workloads.ts";
import { answers, eventually, freePort, Program } from "./program.ts";
import type { Side } from "./side.ts";

const bench = join(import.meta.dir, "..");
const binary = join(bench, "..", "..", "dist", "orchestrator");
const TOKENS = { CLIENT_TOKEN: "bench-client", WORKER_TOKEN: "bench-worker", OPERATOR_TOKEN: "bench-operator" };

export const ours: Side = {
  name: "ours",
  promise: "SQLite, synced before the answer; jobs, tasks and results over HTTP",
  workloads: WORKLOADS,
  async start(folder, started) {
    const port = freePort();
    const url = `http://127.0.0.1:${port}`;
    const where = ["--port", String(port), "--data-dir", join(folder, "data"), "--blueprints", join(bench, "work")];
    const server = new Program({
      name: "server",
      command: [binary, "serve", ...where, "--log-level", "error"],
      folder,
      environment: TOKENS,
    });
    started(server);
    await eventually("the server is ready", [server], () => answers(`${url}/_public/status`));
    const file = join(bench, "work", "_worker.ts");
    const worker = new Program({
      name: "worker",
      command: [binary, "worker", file, "--url", url, "--token", TOKENS.WORKER_TOKEN],
      folder,
    });
    started(worker);
    await eventually("the worker is connected", [server, worker], () => hasWorker(url));
    return { programs: [server, worker], store: server, generator: { command: generatorFor(port) } };
  },
};

async function hasWorker(url: string): Promise<boolean> {
  const text = await (await fetch(`${url}/_public/metrics`)).text();
  return text.includes("orchestrator_active_workers 1");
}

function generatorFor(port: number): string[] {
  const door: HttpDoorSettings = {
    port,
    headers: `X-Client-Token: ${TOKENS.CLIENT_TOKEN}\r\n`,
    connections: 200,
    paths: { one: "/api/v1/bench/one", three: "/api/v1/bench/three", fan: "/api/v1/bench/fan" },
    batchPath: "/api/v1/bench/one/batch",
    countPath: "/_public/metrics",
    countMark: 'orchestrator_jobs{status="finished"} ',
    wait: { type: "read", path: "/api/v1/jobs/{id}/events" },
  };
  return [process.execPath, join(bench, "load", "http-generator.ts"), JSON.stringify(door)];
}
