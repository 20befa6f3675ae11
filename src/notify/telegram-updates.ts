/** Presses of buttons: asked for again and again, or sent to us. Telegram keeps them for a day while we are away. */
import type { Timers } from "../system/clock.ts";
import type { Service } from "../system/lifecycle.ts";
import type { Log } from "../system/log.ts";
import type { Telegram } from "./telegram.ts";
import type { TelegramApi } from "./telegram-api.ts";

export interface TelegramUpdatesParts {
  readonly api: TelegramApi;
  readonly telegram: Pick<Telegram, "handle">;
  readonly timers: Timers;
  readonly log: Log;
  /** Given: Telegram sends them here, with this word. Left out: they are asked for. */
  readonly pushed?: { readonly url: string; readonly secretToken: string } | undefined;
}

const WAIT_SECONDS = 25;
const ANSWER_MS = (WAIT_SECONDS + 10) * 1000;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
const AT_ONCE = 25;
const ALLOWED = ["callback_query"];

export function createTelegramUpdates({ api, telegram, timers, log, pushed }: TelegramUpdatesParts): Service {
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  let offset: number | undefined;

  async function run(): Promise<void> {
    if (pushed) {
      const place = { url: pushed.url, secret_token: pushed.secretToken, allowed_updates: ALLOWED };
      return until(() => api.call("setWebhook", place, signal));
    }
    // Asking is refused while they are sent elsewhere.
    await until(() => api.call("deleteWebhook", {}, signal));
    while (!signal.aborted) await until(ask);
  }

  async function ask() {
    const parameters = {
      timeout: WAIT_SECONDS,
      limit: AT_ONCE,
      allowed_updates: ALLOWED,
      ...(offset !== undefined && { offset }),
    };
    const answer = await api.call("getUpdates", parameters, signal, ANSWER_MS);
    if (!answer.ok || !Array.isArray(answer.result)) return answer;
    for (const update of answer.result) {
      await telegram.handle(update, signal);
      const id = (update as { readonly update_id?: unknown } | null)?.update_id;
      // Asking for the next one tells Telegram that this one was taken.
      if (typeof id === "number") offset = id + 1;
    }
    return answer;
  }

  /** Tries until it works or the server stops; the first failure of a row is told. */
  async function until(run: () => Promise<{ readonly ok: boolean; readonly error?: string }>): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      const answer = await run();
      if (answer.ok) return;
      if (signal.aborted) return;
      if (failures === 0) {
        log.warn("Telegram cannot be asked for decisions; trying again.", { error: answer.error ?? "" });
      }
      await pause(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(failures, 10)));
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = timers.after(ms, () => {
        signal.removeEventListener("abort", leave);
        resolve();
      });
      const leave = () => {
        cancel();
        resolve();
      };
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  return {
    // Telegram may be away: the server starts all the same.
    async start() {
      if (!signal.aborted) running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
