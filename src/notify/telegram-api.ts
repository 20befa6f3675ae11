/** The part of Telegram's Bot API that is used here. */
import type { Timers } from "../system/clock.ts";
import { messageOf } from "../system/errors.ts";
import { post } from "./post.ts";

export interface TelegramApi {
  /** Never rejects. */
  call(method: string, parameters: object, signal: AbortSignal, timeoutMs?: number): Promise<TelegramAnswer>;
}

export type TelegramAnswer =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      /** 0: there was no answer that could be read. */
      readonly code: number;
      readonly error: string;
      readonly retryAfterMs: number | undefined;
    };

export interface TelegramApiParts {
  readonly url: string;
  readonly token: string;
  readonly timers: Timers;
}

/** Some dozens of updates, each with the message that it is about. */
const READ_MAX = 2 * 1024 * 1024;

interface Reply {
  readonly ok?: unknown;
  readonly result?: unknown;
  readonly error_code?: unknown;
  readonly description?: unknown;
  readonly parameters?: { readonly retry_after?: unknown };
}

export function createTelegramApi({ url, token, timers }: TelegramApiParts): TelegramApi {
  return {
    async call(method, parameters, signal, timeoutMs) {
      const target = new URL(`${url}/bot${token}/${method}`);
      try {
        const body = JSON.stringify(parameters);
        const limits = { readMax: READ_MAX, ...(timeoutMs !== undefined && { timeoutMs }) };
        const answer = await post({ url: target, body, headers: {}, signal, timers, ...limits });
        return readAnswer(answer.status, answer.text);
      } catch (error) {
        return { ok: false, code: 0, error: `Telegram ${messageOf(error)}`, retryAfterMs: undefined };
      }
    },
  };
}

function readAnswer(status: number, text: string): TelegramAnswer {
  const reply = parsed(text);
  if (reply?.ok === true) return { ok: true, result: reply.result };
  const code = typeof reply?.error_code === "number" ? reply.error_code : status;
  const said = typeof reply?.description === "string" ? `: ${reply.description}` : "";
  const wait = reply?.parameters?.retry_after;
  const retryAfterMs = typeof wait === "number" && wait > 0 ? wait * 1000 : undefined;
  return { ok: false, code, error: `Telegram answered ${code}${said}`, retryAfterMs };
}

function parsed(text: string): Reply | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    // Whatever is in between said something else.
    return undefined;
  }
}
