/**
 * Very many workers in one process, as lean as they can be: half of them poll, half of them stream.
 * One that loses its server comes back, and hands in again what was not acknowledged.
 */
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

/** What a worker that polls has in hand, whatever becomes of its connections. */
interface Hand {
  /** By task: made, and not acknowledged yet. */
  readonly results: Map<string, string>;
  working: Promise<void> | undefined;
}

interface Frame {
  readonly type: string;
  readonly task?: Task;
  readonly seq?: number;
  readonly status?: string;
  readonly reason?: string;
}

const AT_ONCE = 50;
const NOTHING = "HTTP 204";
const BEAT_MS = 20_000;
/** All of them have lost the same server at the same moment. */
const BACK_AFTER_MS = 1_000;

export class Crowd {
  readonly #polling = new Set<string>();
  readonly #streaming = new Set<string>();
  readonly #ends = new Set<() => void>();
  #gone = false;
  /** How long each task takes. */
  workMs: () => number = () => 0;
  /** Connections that broke, and answers that said that a result did not count, by their reasons. */
  lost = 0;
  readonly ignored = new Map<string, number>();

  constructor(readonly options: CrowdOptions) {}

  get registered(): number {
    return this.#polling.size;
  }

  get welcomed(): number {
    return this.#streaming.size;
  }

  get isWhole(): boolean {
    return this.registered === this.options.polling && this.welcomed === this.options.streaming;
  }

  /** Resolves when all are connected. */
  async come(): Promise<void> {
    const { polling, streaming } = this.options;
    await inTurns(polling, (number) => this.#member((back) => this.#poller(`poller-${number}`, back)));
    await inTurns(streaming, (number) => this.#member((back) => this.#streamer(`streamer-${number}`, back)));
  }

  leave(): void {
    this.#gone = true;
    for (const end of this.#ends) end();
  }

  /** Comes again and again, until all leave; resolves when it is in for the first time. */
  #member(make: (isIn: () => void) => () => Promise<void>): Promise<void> {
    return new Promise((isIn) => {
      const serve = make(isIn);
      void this.#again(serve);
    });
  }

  async #again(serve: () => Promise<void>): Promise<void> {
    while (!this.#gone) {
      await serve().catch(() => {
        this.lost += 1;
      });
      if (!this.#gone) await Bun.sleep(Math.random() * BACK_AFTER_MS);
    }
  }

  #poller(id: string, isIn: () => void): () => Promise<void> {
    const { port, token } = this.options;
    const hand: Hand = { results: new Map(), working: undefined };
    return async () => {
      const lost = Promise.withResolvers<never>();
      // Most of the time nobody waits for it.
      lost.promise.catch(() => undefined);
      const connection = await openConnection(port, `X-Worker-Token: ${token}\r\n`, (reason) => {
        this.#polling.delete(id);
        lost.reject(new Error(reason));
      });
      const end = () => connection.close();
      this.#ends.add(end);
      try {
        const body = JSON.stringify({ worker_id: id, supported_tasks: ["polled"] });
        await connection.post("/_worker/workers/register", body, 200);
        this.#polling.add(id);
        isIn();
        await this.#pollOn(connection, id, hand, lost.promise);
      } finally {
        this.#polling.delete(id);
        this.#ends.delete(end);
        connection.close();
      }
    };
  }

  /** One that is at work when the connection breaks comes back at once, and hands in what it has made when it is done. */
  async #pollOn(connection: Connection, id: string, hand: Hand, lost: Promise<never>): Promise<void> {
    while (!this.#gone) {
      if (hand.working) await Promise.race([hand.working, lost]);
      for (const [taskId, result] of hand.results) {
        const answer = JSON.parse(await connection.post("/_worker/tasks/result", result, 200)) as Frame;
        this.#answered(answer);
        hand.results.delete(taskId);
      }
      const text = await connection.get(`/_worker/workers/${id}/tasks/next`).catch((error: unknown) => {
        if (String(error).includes(NOTHING)) return undefined;
        throw error;
      });
      if (text === undefined) continue;
      const { job_id, task_id } = JSON.parse(text) as Task;
      this.options.got(job_id, performance.now());
      hand.working = this.#work().then(() => {
        hand.working = undefined;
        hand.results.set(task_id, JSON.stringify({ job_id, task_id, worker_id: id, status: "success", data: {} }));
      });
    }
  }

  #streamer(id: string, isIn: () => void): () => Promise<void> {
    const { port, token } = this.options;
    const headers = { "X-Worker-Token": token };
    const running = new Map<string, Task>();
    const held = new Map<number, Task>();
    let sequence = 0;
    /** Over the connection of the moment: a task may outlive the one that it came by. */
    let say: (frame: object) => void = () => undefined;
    const tell = (seq: number, { job_id, task_id }: Task) =>
      say({ type: "result", seq, job_id, task_id, status: "success", data: {} });
    return () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/_worker/stream`, { headers } as never);
      const end = () => socket.close();
      this.#ends.add(end);
      let beat: Timer | undefined;
      say = (frame) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify([frame]));
      };
      const work = async (task: Task) => {
        this.options.got(task.job_id, performance.now());
        running.set(task.task_id, task);
        await this.#work();
        running.delete(task.task_id);
        held.set(++sequence, task);
        // Where there is no connection now, the next one tells it.
        tell(sequence, task);
      };
      const hear = (frame: Frame) => {
        switch (frame.type) {
          case "welcome":
            beat = setInterval(() => say({ type: "heartbeat", worker_id: id }), BEAT_MS);
            this.#streaming.add(id);
            for (const [seq, task] of held) tell(seq, task);
            return isIn();
          case "ack":
            if (frame.status === "retry") return;
            this.#answered(frame);
            return void held.delete(frame.seq ?? 0);
          case "task":
            if (frame.task) void work(frame.task);
            return;
          default:
            return;
        }
      };
      return new Promise<void>((_, reject) => {
        socket.addEventListener("open", () => {
          const registration = { worker_id: id, supported_tasks: ["streamed"], max_concurrent_tasks: 1 };
          const inHand = [...running.values(), ...held.values()].map(({ job_id, task_id }) => ({ job_id, task_id }));
          say({ type: "hello", session: id, registration, running: inHand });
        });
        socket.addEventListener("message", ({ data }) => {
          for (const frame of JSON.parse(String(data)) as readonly Frame[]) hear(frame);
        });
        socket.addEventListener("close", ({ code, reason }) => {
          clearInterval(beat);
          this.#streaming.delete(id);
          this.#ends.delete(end);
          reject(new Error(`${id} was closed with ${code}: ${reason}`));
        });
      });
    };
  }

  async #work(): Promise<void> {
    const ms = this.workMs();
    if (ms > 0) await Bun.sleep(ms);
  }

  #answered({ status, reason = "" }: Frame): void {
    if (status === "ignored") this.ignored.set(reason, (this.ignored.get(reason) ?? 0) + 1);
  }
}

async function inTurns(count: number, run: (number: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => from + index);
    await Promise.all(numbers.map(run));
  }
}
