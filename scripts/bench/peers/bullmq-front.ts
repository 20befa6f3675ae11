/**
 * BullMQ behind an HTTP door like ours: a POST is answered when the job is stored, completions are
 * counted and told over HTTP. A worker may be connected to Redis, or stand behind the door as ours
 * does: then it has a WebSocket here and never sees Redis.
 */
import type { ServerWebSocket } from "bun";
import { openJobs, type QueueName } from "./bullmq-queues.ts";
import { connectWorkers } from "./bullmq-workers.ts";

const jobs = openJobs();
const WAIT = /^\/jobs\/(one|three|fan)-(.+)\/wait$/;

async function answer(request: Request, path: string): Promise<Response> {
  switch (path) {
    case "/one":
      return accepted("one", await jobs.add("one", (await request.json()) as object));
    case "/three":
      return accepted("three", await jobs.add("three", (await request.json()) as object));
    case "/fan":
      return accepted("fan", await jobs.addFan(((await request.json()) as { count: number }).count));
    case "/one/batch": {
      const { jobs: wanted } = (await request.json()) as { jobs: readonly { initial_data: object }[] };
      await jobs.addMany(wanted.map((one) => one.initial_data));
      return new Response('{"status":"accepted"}', { status: 202 });
    }
    case "/count":
      return new Response(`finished ${await jobs.finished()}`);
    default:
      return waited(path);
  }
}

async function waited(path: string): Promise<Response> {
  const [, queue, id] = WAIT.exec(path) ?? [];
  if (queue === undefined || id === undefined) return new Response("not found", { status: 404 });
  await jobs.ended(queue as QueueName, id);
  return new Response(`{"job_id":"${queue}-${id}","status":"finished"}`);
}

function accepted(queue: QueueName, id: string): Response {
  return new Response(`{"status":"accepted","job_id":"${queue}-${id}"}`, { status: 202 });
}

/** Steps go to the one worker that is connected, all of one turn of the loop in one message; results come back so. */
class RemoteSteps {
  #socket: ServerWebSocket<unknown> | undefined;
  #unsent: string[] = [];
  #next = 0;
  readonly #waiting = new Map<number, (result: object) => void>();

  connect(socket: ServerWebSocket<unknown>): void {
    this.#socket = socket;
  }

  run(data: object): Promise<object> {
    const id = this.#next++;
    if (this.#unsent.push(JSON.stringify({ id, data })) === 1) setImmediate(() => this.#flush());
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  settle(text: string): void {
    for (const { id, result } of JSON.parse(text) as { id: number; result: object }[]) {
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    }
  }

  #flush(): void {
    this.#socket?.send(`[${this.#unsent.join(",")}]`);
    this.#unsent = [];
  }
}

const steps = new RemoteSteps();

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"]),
  idleTimeout: 120,
  fetch(request, server) {
    const path = request.url.slice(request.url.indexOf("/", "http://".length));
    if (path === "/worker" && server.upgrade(request)) return undefined;
    return answer(request, path);
  },
  websocket: {
    open(socket) {
      steps.connect(socket);
      connectWorkers((job) => steps.run(job.data as object));
    },
    message: (_socket, text) => steps.settle(String(text)),
  },
});
