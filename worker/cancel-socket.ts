/** The socket beside the polls, `/_worker/ws`: cancellations come down, progress goes up. The worker does without it where there is none. */
import type { Cancel } from "../src/system/clock.ts";
import type { System } from "../src/system/index.ts";
import { type Access, socketOptions } from "./access.ts";
import { socketUrl } from "./endpoint.ts";
import { isRecord } from "./payload.ts";

const RETRY_MS = 5000;
const NORMAL_CLOSE = 1000;

export class CancelSocket {
  #socket: WebSocket | undefined;
  #retry: Cancel | undefined;
  #closed = false;
  #hasServed = false;

  constructor(
    private readonly system: System,
    private readonly access: Access,
    private readonly cancel: (taskId: string) => void,
  ) {}

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  open(): void {
    const path = `/_worker/ws/${encodeURIComponent(this.access.workerId)}`;
    const socket = new WebSocket(socketUrl(this.access.endpoint, path), socketOptions(this.access));
    this.#socket = socket;
    let isServed = true;
    socket.addEventListener("open", () => {
      this.#hasServed = true;
    });
    socket.addEventListener("message", ({ data }) => this.#read(String(data)));
    socket.addEventListener("error", (event) => {
      isServed = !("message" in event && String(event.message).includes("status code: 404"));
    });
    socket.addEventListener("close", () => this.#ended(isServed));
  }

  /** False: there is no socket now, another way has to be taken. */
  send(message: object): boolean {
    if (!this.#socket || !this.isOpen) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#retry?.();
    this.#socket?.close(NORMAL_CLOSE, "the worker stops");
  }

  #ended(isServed: boolean): void {
    if (this.#closed) return;
    if (!isServed && !this.#hasServed) {
      this.system.log.debug("this orchestrator has no socket for cancellations; heartbeats tell of them");
      return;
    }
    this.#retry = this.system.timers.after(RETRY_MS, () => this.open());
  }

  #read(text: string): void {
    const message = parse(text);
    if (!isRecord(message)) return;
    const isCancel = message["command"] === "cancel_task" || message["type"] === "cancel_task";
    if (isCancel && typeof message["task_id"] === "string") this.cancel(message["task_id"]);
  }
}

/** What is no JSON is ignored, as the contract says. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
