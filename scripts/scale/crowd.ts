/** Very many workers in one process, as lean as they can be: half of them poll, half of them stream. */
import { type Connection, openConnection } from "../bench/load/connection.ts";

export interface CrowdOptions {
  readonly port: number;
  readonly token: string;
  readonly polling: number;
  readonly streaming: number;
  /** A task has come, of this job, and when. */
  readonly got: (jobId: string, atMs: number) => void;
}

interface Task {
  readonly job_id: string;
  readonly task_id: string;
}

type Frame = { readonly type: string; readonly task?: Task };

const AT_ONCE = 50;
const NOTHING = "HTTP 204";
const BEAT_MS = 20_000;

export class Crowd {
  readonly #connections: Connection[] = [];
  readonly #sockets: WebSocket[] = [];
  readonly #beats: Timer[] = [];
  #gone = false;
  welcomed = 0;
  registered = 0;

  constructor(readonly options: CrowdOptions) {}

  /** Resolves when all are connected. */
  async come(): Promise<void> {
    const { polling, streaming } = this.options;
    await inTurns(polling, (number) => this.#poller(`poller-${number}`));
    await inTurns(streaming, (number) => this.#streamer(`streamer-${number}`));
  }

  leave(): void {
    this.#gone = true;
    for (const beat of this.#beats) clearInterval(beat);
    for (const connection of this.#connections) connection.close();
    for (const socket of this.#sockets) socket.close();
  }

  async #poller(id: string): Promise<void> {
    const { port, token } = this.options;
    const connection = await openConnection(port, `X-Worker-Token: ${token}\r\n`);
    this.#connections.push(connection);
    await connection.post(
      "/_worker/workers/register",
      JSON.stringify({ worker_id: id, supported_tasks: ["polled"] }),
      200,
    );
    this.registered += 1;
    void this.#pollOn(connection, id).catch((error: unknown) => {
      if (!this.#gone) throw error;
    });
  }

  async #pollOn(connection: Connection, id: string): Promise<void> {
    while (!this.#gone) {
      const text = await connection.get(`/_worker/workers/${id}/tasks/next`).catch((error: unknown) => {
        if (String(error).includes(NOTHING)) return undefined;
        throw error;
      });
      if (text === undefined) continue;
      const { job_id, task_id } = JSON.parse(text) as Task;
      this.options.got(job_id, performance.now());
      const result = { job_id, task_id, worker_id: id, status: "success", data: {} };
      await connection.post("/_worker/tasks/result", JSON.stringify(result), 200);
    }
  }

  #streamer(id: string): Promise<void> {
    const { port, token } = this.options;
    const headers = { "X-Worker-Token": token };
    const socket = new WebSocket(`ws://127.0.0.1:${port}/_worker/stream`, { headers } as never);
    this.#sockets.push(socket);
    let sequence = 0;
    const say = (frame: object) => socket.send(JSON.stringify([frame]));
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => {
        const registration = { worker_id: id, supported_tasks: ["streamed"], max_concurrent_tasks: 1 };
        say({ type: "hello", session: id, registration, running: [] });
      });
      socket.addEventListener("message", ({ data }) => {
        const frames = JSON.parse(String(data)) as readonly Frame[];
        for (const frame of frames) {
          if (frame.type === "welcome") {
            this.welcomed += 1;
            this.#beats.push(setInterval(() => say({ type: "heartbeat", worker_id: id }), BEAT_MS));
            resolve();
          }
          if (frame.type !== "task" || !frame.task) continue;
          const { job_id, task_id } = frame.task;
          this.options.got(job_id, performance.now());
          say({ type: "result", seq: ++sequence, job_id, task_id, status: "success", data: {} });
        }
      });
      socket.addEventListener("close", ({ code, reason }) => {
        if (!this.#gone) reject(new Error(`${id} was closed with ${code}: ${reason}`));
      });
    });
  }
}

async function inTurns(count: number, run: (number: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => from + index);
    await Promise.all(numbers.map(run));
  }
}
