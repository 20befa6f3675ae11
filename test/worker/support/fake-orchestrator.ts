/** A server that speaks the worker's side of the wire over real sockets, and does what a test tells it to. */
import type { Server, ServerWebSocket } from "bun";
import type { JsonMap } from "../../../src/system/errors.ts";
import { taskPayload } from "../../support/task-payload.ts";
import { Signal } from "./wait.ts";

export type Body = Record<string, unknown>;

export interface Frame {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Body;
}

export interface FakeOptions {
  /** The status that an upgrade to the stream is refused with. */
  readonly streamStatus?: number;
  /** Whether there is the socket beside the polls. */
  readonly socket?: boolean;
  readonly unix?: string;
  /** PEM texts: it speaks https and wss. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

type Socket = ServerWebSocket<{ path: string }>;
type Reply = Response | Promise<Response>;

const json = (body: object, status = 200, headers: Record<string, string> = {}) =>
  Response.json(body, { status, headers });

let tasksMade = 0;

export class FakeOrchestrator {
  readonly signal = new Signal();
  readonly frames: Frame[] = [];
  /** How many frames each message had. */
  readonly batches: number[] = [];
  readonly requests: SeenRequest[] = [];
  /** What came over `/_worker/ws`. */
  readonly socketMessages: Body[] = [];
  readonly tasks: object[] = [];
  connections = 0;
  welcomeCancelled: string[] = [];
  /** Closes the connection after the hello, for this reason. */
  refuseHello: string | undefined;
  /** A longer message closes its connection. */
  messageCharsMax = Infinity;
  /** The answer to a result: a frame without its seq, or undefined for silence. */
  answer: (frame: Frame) => object | undefined = () => ({ status: "result_accepted_success" });
  /** The answer to an event of the stream: a frame without its id, or undefined for silence. */
  answerEvent: (frame: Frame) => object | undefined = () => ({ status: "event_accepted" });
  /** Takes over a request; undefined lets it pass. */
  intercept: (request: SeenRequest) => Reply | undefined = () => undefined;
  parkedPolls = 0;
  mostParkedPolls = 0;
  #server: Server<{ path: string }> | undefined;
  #stream: Socket | undefined;
  #socket: Socket | undefined;
  #parked: Array<() => void> = [];
  #port = 0;

  constructor(private readonly options: FakeOptions = {}) {}

  start(): this {
    const common = {
      ...(this.options.tls && { tls: this.options.tls }),
      fetch: (request: Request, server: Server<{ path: string }>) => this.#fetch(request, server),
      websocket: {
        data: {} as { path: string },
        open: (socket: Socket) => this.#opened(socket),
        message: (socket: Socket, text: string | Buffer) => this.#message(socket, String(text)),
        close: (socket: Socket) => {
          if (socket === this.#stream) this.#stream = undefined;
          if (socket === this.#socket) this.#socket = undefined;
          this.signal.raise();
        },
      },
    };
    this.#server = this.options.unix
      ? Bun.serve({ unix: this.options.unix, ...common })
      : Bun.serve({ port: this.#port, hostname: "127.0.0.1", idleTimeout: 0, ...common });
    this.#port = this.#server.port ?? 0;
    return this;
  }

  get url(): string {
    return this.options.tls ? `https://localhost:${this.#port}` : `http://127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    for (const wake of this.#parked.splice(0)) wake();
    await this.#server?.stop(true);
    this.#server = undefined;
  }

  /** Sends one message with these frames down the stream. */
  send(...frames: Frame[]): void {
    if (!this.#stream) throw new Error("no worker is connected to the stream");
    this.#stream.send(JSON.stringify(frames));
  }

  sendRaw(text: string): void {
    this.#stream?.send(text);
  }

  sendTask(type: string, params: object = {}, more: object = {}): string {
    const task = this.makeTask(type, params, more);
    this.send({ type: "task", task });
    return task.task_id;
  }

  /** Puts a task where the next poll finds it. */
  queueTask(type: string, params: object = {}, more: object = {}): string {
    const task = this.makeTask(type, params, more);
    this.tasks.push(task);
    this.#parked.shift()?.();
    return task.task_id;
  }

  makeTask(type: string, params: object, more: object = {}) {
    const number = ++tasksMade;
    return taskPayload({
      job_id: `job-${number}`,
      task_id: `task-${number}`,
      type,
      params: params as JsonMap,
      ...more,
    });
  }

  sendOverSocket(message: object): void {
    if (!this.#socket) throw new Error("no worker is connected to the socket");
    this.#socket.send(JSON.stringify(message));
  }

  breakStream(): void {
    this.#stream?.terminate();
  }

  get hasStream(): boolean {
    return this.#stream !== undefined;
  }

  get hasSocket(): boolean {
    return this.#socket !== undefined;
  }

  async frame(what: string, fits: (frame: Frame) => boolean): Promise<Frame> {
    return await this.signal.until(what, () => this.frames.find(fits));
  }

  async resultOf(taskId: string): Promise<Body> {
    return await this.signal.until(`the result of ${taskId}`, () => {
      const posted = this.requests.filter(({ path }) => path === "/_worker/tasks/result").map(({ body }) => body);
      const streamed = this.frames.filter(({ type }) => type === "result");
      return [...posted, ...streamed].find((result) => result["task_id"] === taskId);
    });
  }

  async request(what: string, fits: (request: SeenRequest) => boolean): Promise<SeenRequest> {
    return await this.signal.until(what, () => this.requests.find(fits));
  }

  async connected(times = 1): Promise<void> {
    await this.signal.until(`connection number ${times}`, () => this.connections >= times && this.hasStream);
  }

  async #fetch(request: Request, server: Server<{ path: string }>): Promise<Response | undefined> {
    const path = new URL(request.url).pathname;
    if (path === "/_worker/stream") {
      const status = this.options.streamStatus;
      if (status !== undefined) return json({ error: "no stream here" }, status);
      return server.upgrade(request, { data: { path } }) ? undefined : json({ error: "upgrade" }, 426);
    }
    if (path.startsWith("/_worker/ws")) {
      if (!this.options.socket) return json({ error: "not found" }, 404);
      return server.upgrade(request, { data: { path } }) ? undefined : json({ error: "upgrade" }, 426);
    }
    const text = await request.text();
    const seen = { method: request.method, path, headers: request.headers, body: text ? JSON.parse(text) : {} };
    this.requests.push(seen);
    this.signal.raise();
    return (await this.intercept(seen)) ?? (await this.#reply(seen, request.signal));
  }

  #reply({ method, path }: SeenRequest, signal: AbortSignal): Reply {
    if (path === "/_worker/workers/register") return json({ status: "registered" });
    if (path.endsWith("/tasks/next")) return this.#poll(signal);
    if (path === "/_worker/tasks/result") return json({ status: "result_accepted_success" });
    if (path === "/_worker/tasks/release") return json({ status: "released" });
    if (path === "/_worker/events") return json({ status: "event_accepted" });
    if (method === "PATCH") return json({ status: "ok" });
    if (path.endsWith("/cancellation")) return json({ cancelled: false });
    return json({ error: "not found" }, 404);
  }

  async #poll(signal: AbortSignal): Promise<Response> {
    if (this.tasks.length === 0) {
      this.parkedPolls += 1;
      this.mostParkedPolls = Math.max(this.mostParkedPolls, this.parkedPolls);
      this.signal.raise();
      await new Promise<void>((resolve) => {
        this.#parked.push(resolve);
        signal.addEventListener("abort", () => resolve());
      });
      this.parkedPolls -= 1;
      this.signal.raise();
    }
    const task = this.tasks.shift();
    return task ? json(task) : new Response(null, { status: 204 });
  }

  #opened(socket: Socket): void {
    if (socket.data.path === "/_worker/stream") this.#stream = socket;
    else this.#socket = socket;
    this.signal.raise();
  }

  #message(socket: Socket, text: string): void {
    if (text.length > this.messageCharsMax) socket.close(1009, "MESSAGE_TOO_LARGE");
    else if (socket !== this.#stream) this.socketMessages.push(JSON.parse(text));
    else this.#streamMessage(JSON.parse(text));
    this.signal.raise();
  }

  #streamMessage(frames: Frame[]): void {
    this.batches.push(frames.length);
    const replies: Frame[] = [];
    for (const frame of frames) {
      this.frames.push(frame);
      if (frame.type === "hello" && this.refuseHello) return this.#stream?.close(1008, this.refuseHello);
      if (frame.type === "hello") replies.push(this.#welcome(frame));
      const answer = frame.type === "result" ? this.answer(frame) : undefined;
      const taken = frame.type === "event" ? this.answerEvent(frame) : undefined;
      if (taken) replies.push({ type: "event_ack", event_id: frame["event_id"], ...taken });
      if (answer) replies.push({ type: "ack", seq: frame["seq"], ...answer });
    }
    if (replies.length > 0) this.#stream?.send(JSON.stringify(replies));
  }

  #welcome(hello: Frame): Frame {
    this.connections += 1;
    return {
      type: "welcome",
      protocol: 1,
      worker_id: (hello["registration"] as Body)["worker_id"],
      heartbeat_seconds: 15,
      cancelled: this.welcomeCancelled,
    };
  }
}
