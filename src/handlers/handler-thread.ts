/** The main thread's side of one handler thread: what it runs, whether it still answers, and its end. */
import type { Cancel, Timers } from "../system/clock.ts";
import { HANDLER_THREAD } from "../threads.ts";
import { createBatch } from "./batch.ts";
import { createFromThreadReader, createToThreadWriter, type FromThread, type ToThread } from "./frames.ts";
import { createMarkBuffer, readMark, type RunningHandler } from "./running-mark.ts";

export type ThreadEnd = "blocked" | "died";

export interface HandlerThreadOptions {
  readonly timers: Timers;
  readonly soon: (run: () => void) => void;
  /** Silent for so long while it has work: blocked. */
  readonly blockMs: number;
  readonly isBusy: () => boolean;
  readonly received: (message: FromThread) => void;
  /** It will answer nothing any more. Told once, and not after `end`. */
  readonly over: (how: ThreadEnd, detail: string) => void;
  /** It was ended, and goes on all the same: -1 once it is really gone. */
  readonly undead: (change: 1 | -1) => void;
}

export interface HandlerThread {
  send(message: ToThread): void;
  /** Posts what was sent, without waiting for the end of the tick. */
  flush(): void;
  /** Begins to watch it, for as long as `isBusy` says so. */
  watch(): void;
  /** The handler that it began last. */
  running(): RunningHandler | undefined;
  readonly isReady: boolean;
  /** Resolves when it is gone, or counted as one that cannot be ended. */
  end(): Promise<void>;
}

/** Looks in each period: a thread is blocked after four looks without an answer, however late this thread's own timers are. */
const LOOKS = 4;
/** What is not gone by then stands in a call of the system that nothing can interrupt. */
const GRACE_MS = 1_000;

export function startHandlerThread(options: HandlerThreadOptions): HandlerThread {
  const { timers } = options;
  const worker = new Worker(HANDLER_THREAD);
  const mark = createMarkBuffer();
  const read = createFromThreadReader();
  const batch = createBatch({ write: createToThreadWriter(), soon: options.soon, post: (text) => post(worker, text) });
  let isReady = false;
  let isOver = false;
  let isClosed = false;
  let isUndead = false;
  let isWatched = false;
  let cancelLook: Cancel = () => undefined;
  let cancelGrace: Cancel = () => undefined;
  const gone = Promise.withResolvers<void>();
  let pings = 0;
  let ponged = 0;
  let silentLooks = 0;

  /** Undefined: handlers can post as well, and what they post means nothing here. */
  const tryRead = (data: string): readonly FromThread[] | undefined => {
    try {
      return read(data);
    } catch {
      return undefined;
    }
  };
  const end = (): Promise<void> => {
    if (isOver) return gone.promise;
    isOver = true;
    cancelLook();
    if (isClosed) return gone.promise;
    worker.terminate();
    cancelGrace = timers.after(GRACE_MS, () => {
      isUndead = true;
      options.undead(1);
      gone.resolve();
    });
    return gone.promise;
  };
  const finish = (how: ThreadEnd, detail: string) => {
    if (isOver) return;
    void end();
    options.over(how, detail);
  };
  const ping = () => {
    pings += 1;
    batch.add({ kind: "ping", ping: pings });
  };
  const look = () => {
    silentLooks = ponged === pings ? 0 : silentLooks + 1;
    if (silentLooks >= LOOKS) return finish("blocked", `it did not answer for ${options.blockMs / 1000} s`);
    if (ponged === pings) {
      isWatched = options.isBusy();
      if (!isWatched) return;
      ping();
    }
    cancelLook = timers.after(options.blockMs / LOOKS, look);
  };

  worker.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    if (isOver || typeof data !== "string") return;
    const messages = tryRead(data);
    if (!messages) return finish("died", "it posted a text of its own with postMessage");
    for (const message of messages) {
      if (message.kind === "ready") isReady = true;
      if (message.kind === "pong") ponged = message.ping;
      options.received(message);
    }
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    finish("died", event.message);
  });
  worker.addEventListener("close", (event) => {
    isClosed = true;
    cancelGrace();
    gone.resolve();
    if (isUndead) options.undead(-1);
    finish("died", `it ended with code ${codeOf(event)}`);
  });
  post(worker, mark);

  return {
    send: (message) => batch.add(message),
    flush: () => batch.flush(),
    watch() {
      if (isWatched || isOver) return;
      isWatched = true;
      silentLooks = 0;
      ping();
      cancelLook = timers.after(options.blockMs / LOOKS, look);
    },
    running: () => readMark(mark),
    get isReady() {
      return isReady;
    },
    end,
  };
}

function post(worker: Worker, message: string | SharedArrayBuffer): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  worker.postMessage(message);
}

function codeOf(event: Event): string {
  return "code" in event ? String(event.code) : "unknown";
}
