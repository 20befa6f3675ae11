/** BullMQ on a Redis of its own that syncs every write before it answers. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HttpDoorSettings } from "../load/http-door.ts";
import { WORKLOADS } from "../load/workloads.ts";
import { answers, eventually, freePort, Program } from "./program.ts";
import type { Side } from "./side.ts";

const bench = join(import.meta.dir, "..");
const peers = join(bench, "peers");
const SYNCED = "Redis, appendfsync always: synced before the answer";

type Started = (program: Program) => void;

/** Jobs through its own client library, its worker at Redis. */
export const bullmq: Side = {
  name: "bullmq",
  promise: `${SYNCED}; no HTTP, its own client and worker at Redis`,
  workloads: WORKLOADS,
  async start(folder, started) {
    const { redis, environment } = await startRedis(folder, started);
    const worker = new Program({ name: "worker", command: peer("bullmq-worker.ts"), folder, environment });
    started(worker);
    const generator = { command: peer("bullmq-generator.ts"), environment };
    return { programs: [redis, worker], store: redis, generator };
  },
};

/** Jobs and their ends over HTTP, the worker at Redis. */
export const bullmqHttp: Side = front(
  "bullmq-http",
  "jobs and completions over HTTP, its worker at Redis",
  async (folder, environment) =>
    new Program({ name: "worker", command: peer("bullmq-worker.ts"), folder, environment }),
);

/** The very same door as ours: the worker, too, is behind it. */
export const bullmqRemote: Side = front(
  "bullmq-remote",
  "jobs, completions and steps over HTTP, as ours",
  async (folder, environment) =>
    new Program({ name: "worker", command: peer("remote-worker.ts"), folder, environment }),
);

function front(
  name: string,
  over: string,
  startWorker: (folder: string, environment: Readonly<Record<string, string>>) => Promise<Program>,
): Side {
  return {
    name,
    promise: `${SYNCED}; ${over}`,
    workloads: WORKLOADS,
    async start(folder, started) {
      const { redis, environment } = await startRedis(folder, started);
      const port = freePort();
      const server = new Program({
        name: "front",
        command: peer("bullmq-front.ts"),
        folder,
        environment: { ...environment, PORT: String(port) },
      });
      started(server);
      await eventually("the front is ready", [redis, server], () => answers(`http://127.0.0.1:${port}/count`));
      const worker = await startWorker(folder, { ...environment, FRONT_URL: `ws://127.0.0.1:${port}/worker` });
      started(worker);
      return { programs: [redis, server, worker], store: redis, generator: { command: httpGenerator(port) } };
    },
  };
}

async function startRedis(folder: string, started: Started) {
  const port = freePort();
  const data = join(folder, "redis");
  mkdirSync(data);
  const settings = { port, bind: "127.0.0.1", dir: data, appendonly: "yes", appendfsync: "always", save: "" };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const redis = new Program({ name: "redis", command: ["redis-server", ...flags], folder });
  started(redis);
  await eventually("Redis is ready", [redis], async () => {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } }).catch(
      () => undefined,
    );
    socket?.end();
    return socket !== undefined;
  });
  return { redis, environment: { REDIS_PORT: String(port) } };
}

function peer(file: string): string[] {
  return [process.execPath, join(peers, file)];
}

function httpGenerator(port: number): string[] {
  const door: HttpDoorSettings = {
    port,
    headers: "",
    connections: 200,
    paths: { one: "/one", three: "/three", fan: "/fan" },
    batchPath: "/one/batch",
    countPath: "/count",
    countMark: "finished ",
    wait: { type: "read", path: "/jobs/{id}/wait" },
  };
  return [process.execPath, join(bench, "load", "http-generator.ts"), JSON.stringify(door)];
}
