/** A handler thread with the turns that are out in it. */
import type { JobFilesSettings } from "../files/port.ts";
import type { Timers } from "../system/clock.ts";
import type { Log } from "../system/log.ts";
import { Lookup } from "../system/lookup.ts";
import { messageOf } from "../system/errors.ts";
import type { Answer, FromThread } from "./frames.ts";
import { type HandlerThread, startHandlerThread, type ThreadEnd } from "./handler-thread.ts";
import type { PendingTurn } from "./pending-turn.ts";
import type { HandlerHost, TurnReply } from "./port.ts";
import type { RunningHandler } from "./running-mark.ts";

export interface TurnThreadOptions {
  readonly timers: Timers;
  readonly soon: (run: () => void) => void;
  readonly blockMs: number;
  readonly host: HandlerHost;
  readonly files?: JobFilesSettings | undefined;
  readonly bundlePath: (hash: string) => string;
  readonly log: Log;
  readonly undead: (change: 1 | -1) => void;
  readonly answered: (pending: PendingTurn, reply: TurnReply) => void;
  /** With the turns that were out. */
  readonly over: (thread: TurnThread, end: LostThread) => void;
}

export interface LostThread {
  readonly how: ThreadEnd;
  readonly detail: string;
  readonly running: RunningHandler | undefined;
  readonly wasReady: boolean;
  readonly lost: readonly PendingTurn[];
}

export interface TurnThread {
  readonly load: number;
  /** Turns that it was ever given. */
  readonly begun: number;
  /** Those that are out in it, answered or not. */
  turns(): Iterable<PendingTurn>;
  /** Has a place for it: it counts from here on, and `run` sends it. */
  take(pending: PendingTurn): void;
  run(pending: PendingTurn, isAlone: boolean): void;
  abort(pending: PendingTurn): void;
  /** Ends it; what is out in it is not answered. Resolves when it is gone, or cannot be ended. */
  end(): Promise<void>;
}

export function startTurnThread(options: TurnThreadOptions): TurnThread {
  const { host, log } = options;
  const out = new Lookup<number, PendingTurn>();
  const knownBundles = new Set<string>();
  let begun = 0;

  const thread: HandlerThread = startHandlerThread({
    timers: options.timers,
    soon: options.soon,
    blockMs: options.blockMs,
    undead: options.undead,
    isBusy: () => out.size > 0,
    received: take,
    over(how, detail) {
      const lost = [...out.values()];
      out.clear();
      options.over(self, { how, detail, running: thread.running(), wasReady: thread.isReady, lost });
    },
  });

  if (options.files) thread.send({ kind: "files", settings: options.files });

  function take(message: FromThread): void {
    switch (message.kind) {
      case "reply": {
        const pending = out.get(message.run);
        out.delete(message.run);
        if (pending) options.answered(pending, message.reply);
        return;
      }
      case "ask": {
        const { askingJobId, jobId } = message;
        void answer(message.ask, async () => {
          const json = await host.jobState(askingJobId, jobId);
          return json === undefined ? {} : { json };
        });
        return;
      }
      case "ask-store":
        void answer(message.ask, async () => {
          if (!host.dataStores) throw new Error("nobody keeps data stores here");
          const found = await host.dataStores.ask(message.question);
          return found === "again" ? { again: true } : found;
        });
        return;
      case "log":
        log[message.line.level](message.line.message, message.line.fields);
        return;
      case "ready":
      case "pong":
        return;
      default:
        message satisfies never;
    }
  }

  async function answer(ask: number, find: () => Promise<Omit<Answer, "kind" | "ask">>): Promise<void> {
    try {
      thread.send({ kind: "answer", ask, ...(await find()) });
    } catch (error) {
      thread.send({ kind: "answer", ask, problem: messageOf(error) });
    }
  }

  const self: TurnThread = {
    get load() {
      return out.size;
    },
    get begun() {
      return begun;
    },
    turns: () => out.values(),
    take(pending) {
      begun += 1;
      pending.run = begun;
      out.set(begun, pending);
    },
    run({ turn, run }, isAlone) {
      if (!knownBundles.has(turn.hash)) {
        knownBundles.add(turn.hash);
        thread.send({ kind: "bundle", hash: turn.hash, path: options.bundlePath(turn.hash) });
      }
      thread.send({ kind: "run", run, isAlone, turn });
      thread.watch();
    },
    abort: (pending) => thread.send({ kind: "abort", run: pending.run }),
    end() {
      out.clear();
      return thread.end();
    },
  };
  return self;
}
