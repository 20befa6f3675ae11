/**
 * Asks in a chat of Telegram: a message with a button for each decision, which is changed once it is
 * decided, whoever decided it and how. Presses of buttons come in by `telegram-updates.ts`.
 */
import type { ApprovalEnd } from "../job/approval.ts";
import type { OutboxReader } from "../storage/port.ts";
import { messageOf, Refusal } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import type { Delivery, Integration, Questions } from "./port.ts";
import type { TelegramAnswer, TelegramApi } from "./telegram-api.ts";
import type { Button, Buttons } from "./telegram-buttons.ts";
import { closedText, endText, questionText, shortened } from "./wording.ts";

export interface TelegramParts {
  readonly api: TelegramApi;
  readonly buttons: Buttons;
  /** Its id, or "@name": nobody else may decide. */
  readonly chat: string;
  readonly questions: Questions;
  readonly outbox: Pick<OutboxReader, "reference">;
  readonly log: Log;
}

export interface Telegram extends Integration {
  /** Somebody pressed a button, or sent something else. Never rejects. */
  handle(update: unknown, signal: AbortSignal): Promise<void>;
}

const TEXT_MAX = 4_000;
const BUTTON_MAX = 64;
const NOTICE_MAX = 200;

/** Where the message of a question is, kept until it is changed. */
interface Place {
  readonly chat_id: number | string;
  readonly message_id: number;
}

export function createTelegram({ api, buttons, chat, questions, outbox, log }: TelegramParts): Telegram {
  async function press(query: CallbackQuery, signal: AbortSignal): Promise<void> {
    const notice = await noticeOf(query, signal);
    const { text, isAlert } = notice;
    const answer = { callback_query_id: query.id, text: shortened(text, NOTICE_MAX), show_alert: isAlert };
    const answered = await api.call("answerCallbackQuery", answer, signal);
    if (!answered.ok) log.debug("A press of a button in Telegram could not be answered.", { error: answered.error });
  }

  async function noticeOf(query: CallbackQuery, signal: AbortSignal): Promise<{ text: string; isAlert: boolean }> {
    const refuse = (text: string) => ({ text, isAlert: true });
    const { message, from, data = "" } = query;
    if (!message || !isTheChat(message.chat)) {
      log.warn("A button was pressed in a chat of Telegram that may not decide.", { chat: message?.chat.id ?? null });
      return refuse("This chat may not decide.");
    }
    const button = buttons.read(data);
    if (!button) return refuse("This button is not one of this server's.");
    try {
      const question = await questions.open(button.jobId);
      const isOpen = question?.visit === button.visit;
      const decision = isOpen ? question.decisions[button.index] : undefined;
      if (decision === undefined) return await tooLate(message, signal);
      const isKnown = await isReferredTo(button, message);
      const by = nameOf(from);
      await questions.decide(button.jobId, { decision, by, through: "telegram", visit: button.visit });
      if (!isKnown) await changeStray(message, { type: "decided", decision, by, through: "telegram" }, signal);
      return { text: `Noted: ${decision}`, isAlert: false };
    } catch (error) {
      if (error instanceof Refusal && error.status === 409) return tooLate(message, signal);
      log.warn("A decision by Telegram was not taken.", { job: button.jobId, error: messageOf(error) });
      return refuse(error instanceof Refusal ? error.message : "That did not work: press it again.");
    }
  }

  async function isReferredTo({ jobId, visit }: Button, { message_id }: Message): Promise<boolean> {
    const reference = await outbox.reference(jobId, referenceOf(visit));
    return reference !== undefined && (JSON.parse(reference) as Place).message_id === message_id;
  }

  /** Sent twice, since a crash came before it was known to be sent: the other one is changed by the outbox. */
  async function changeStray(message: Message, end: ApprovalEnd, signal: AbortSignal): Promise<void> {
    const place = { chat_id: message.chat.id, message_id: message.message_id };
    const text = `${message.text ?? ""}\n\n${endText(end)}`;
    await api.call("editMessageText", { ...place, text: shortened(text, TEXT_MAX) }, signal);
  }

  /** A message that was sent twice, or was not changed yet: its buttons go, so that nobody presses them again. */
  async function tooLate(message: Message, signal: AbortSignal): Promise<{ text: string; isAlert: boolean }> {
    const place = { chat_id: message.chat.id, message_id: message.message_id };
    await api.call("editMessageReplyMarkup", { ...place, reply_markup: { inline_keyboard: [] } }, signal);
    return { text: "This was decided already, or is not needed any more.", isAlert: true };
  }

  function isTheChat({ id, username }: Chat): boolean {
    return String(id) === chat || (username !== undefined && `@${username}`.toLowerCase() === chat.toLowerCase());
  }

  return {
    async ask(row, asked, signal) {
      const { visit, decisions } = asked;
      const keyboard = decisions.map((decision, index) => [
        { text: shortened(decision, BUTTON_MAX), callback_data: buttons.data({ jobId: row.jobId, visit, index }) },
      ]);
      const text = questionText(asked, row.jobId, TEXT_MAX);
      const message = { chat_id: chat, text, reply_markup: { inline_keyboard: keyboard } };
      const answer = await api.call("sendMessage", message, signal);
      if (!answer.ok) return failed(answer);
      const place = placeOf(answer.result);
      if (!place) return { type: "delivered" };
      const value = JSON.stringify(place);
      return { type: "delivered", changes: [{ type: "refer", jobId: row.jobId, name: referenceOf(visit), value }] };
    },
    async close(row, closed, signal) {
      const name = referenceOf(closed.visit);
      const reference = await outbox.reference(row.jobId, name);
      if (reference === undefined) return { type: "delivered" };
      const place = JSON.parse(reference) as Place;
      const text = closedText(closed, row.jobId, TEXT_MAX);
      const answer = await api.call("editMessageText", { ...place, text }, signal);
      // Somebody has taken the message away, or it says so already: there is nothing left to change.
      if (!answer.ok && answer.code !== 400) return failed(answer);
      return { type: "delivered", changes: [{ type: "refer", jobId: row.jobId, name, value: undefined }] };
    },
    async handle(update, signal) {
      const query = callbackQueryOf(update);
      if (query) await press(query, signal);
    },
  };
}

function referenceOf(visit: number): string {
  return `telegram:${visit}`;
}

function failed({ code, error, retryAfterMs }: Extract<TelegramAnswer, { ok: false }>): Delivery {
  return { type: "failed", error, isDown: code !== 400, retryAfterMs };
}

interface Chat {
  readonly id: number | string;
  readonly username?: string | undefined;
}

interface Message {
  readonly message_id: number;
  readonly text?: string | undefined;
  readonly chat: Chat;
}

interface User {
  readonly id: number;
  readonly first_name?: string;
  readonly last_name?: string;
  readonly username?: string;
}

interface CallbackQuery {
  readonly id: string;
  readonly from: User;
  readonly message?: Message;
  readonly data?: string;
}

/** Of what the API promises, what is relied upon is looked at. */
function callbackQueryOf(update: unknown): CallbackQuery | undefined {
  const query = (update as { readonly callback_query?: Partial<CallbackQuery> } | null)?.callback_query;
  if (typeof query?.id !== "string" || typeof query.from?.id !== "number") return undefined;
  const { message, data } = query;
  const isPlace = typeof message?.message_id === "number" && message.chat?.id !== undefined;
  return {
    id: query.id,
    from: query.from,
    ...(isPlace && { message }),
    ...(typeof data === "string" && { data }),
  };
}

function placeOf(result: unknown): Place | undefined {
  const message = result as Partial<Message> | null;
  const id = message?.message_id;
  const chat = message?.chat?.id;
  return typeof id === "number" && chat !== undefined ? { chat_id: chat, message_id: id } : undefined;
}

function nameOf({ id, first_name: first, last_name: last, username }: User): string {
  const name = [first, last].filter((part) => typeof part === "string" && part !== "").join(" ");
  const handle = username === undefined ? "" : `@${username}`;
  if (name === "") return handle === "" ? `Telegram user ${id}` : handle;
  return handle === "" ? name : `${name} (${handle})`;
}
