/** Telegram's Bot API on this machine, as far as it is used: chats, messages, presses of buttons. */
export interface SentMessage {
  readonly message_id: number;
  readonly chat_id: string;
  text: string;
  /** One button each. */
  buttons: { readonly text: string; readonly callback_data: string }[];
}

interface Call {
  readonly method: string;
  readonly body: Record<string, unknown>;
}

const WAIT_MS = 20_000;

export class FakeTelegram implements AsyncDisposable {
  readonly token = "123456:TEST-token";
  readonly calls: Call[] = [];
  readonly messages: SentMessage[] = [];
  /** What presses were answered with. */
  /** `press` is the id of what was pressed. */
  readonly notices: { readonly text: string; readonly alert: boolean; readonly press: string }[] = [];
  /** Answers instead of the API, if it answers. */
  fault: (call: Call) => Response | undefined = () => undefined;
  webhook: { readonly url: string; readonly secret_token: string } | undefined;
  readonly #server;
  readonly #updates: { readonly update_id: number }[] = [];
  readonly #watchers = new Set<() => void>();
  #updateId = 100;
  #acknowledged = 0;

  constructor() {
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      fetch: async (request) => {
        const [bot = "", method = ""] = new URL(request.url).pathname.slice(1).split("/");
        const call = { method, body: (await request.json()) as Record<string, unknown> };
        this.calls.push(call);
        const fault = this.fault(call);
        const answer = fault ?? (bot === `bot${this.token}` ? await this.#answer(call) : error(401, "Unauthorized"));
        this.#changed();
        return answer;
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  /** How many updates were asked for and taken. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }

  /** Somebody presses a button of the newest message. */
  press(text: string, options: { chat?: string; message?: SentMessage; data?: string } = {}) {
    const message = options.message ?? this.messages.at(-1);
    const data = options.data ?? message?.buttons.find((button) => button.text === text)?.callback_data;
    const update = {
      update_id: this.#updateId++,
      callback_query: {
        id: String(this.#updateId),
        from: { id: 7, first_name: "Anna", last_name: "Lind", username: "anna" },
        message: {
          message_id: message?.message_id ?? 1,
          chat: { id: Number(options.chat ?? message?.chat_id ?? 0) },
          text: message?.text,
        },
        data,
      },
    };
    this.#updates.push(update);
    this.#changed();
    return update;
  }

  /** Resolves when the condition holds; rejects when it does not in time. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(() => reject(new Error(`never happened: ${what}`)), WAIT_MS);
    const look = () => {
      if (condition()) resolve();
    };
    this.#watchers.add(look);
    look();
    await promise.finally(() => {
      clearTimeout(late);
      this.#watchers.delete(look);
    });
  }

  #changed(): void {
    for (const look of this.#watchers) look();
  }

  #answer({ method, body }: Call): Response | Promise<Response> {
    switch (method) {
      case "sendMessage": {
        const keyboard = body["reply_markup"] as { inline_keyboard: SentMessage["buttons"][] } | undefined;
        const message = {
          message_id: this.messages.length + 1,
          chat_id: String(body["chat_id"]),
          text: String(body["text"]),
          buttons: keyboard?.inline_keyboard.flat() ?? [],
        };
        if (message.buttons.some(({ callback_data: data }) => Buffer.byteLength(data) > 64)) {
          return error(400, "Bad Request: BUTTON_DATA_INVALID");
        }
        this.messages.push(message);
        return ok({ message_id: message.message_id, chat: { id: Number(message.chat_id) } });
      }
      case "editMessageText":
      case "editMessageReplyMarkup": {
        const message = this.messages.find((one) => one.message_id === body["message_id"]);
        if (!message) return error(400, "Bad Request: message to edit not found");
        if (typeof body["text"] === "string") message.text = body["text"];
        message.buttons = [];
        return ok(true);
      }
      case "answerCallbackQuery":
        this.notices.push({
          text: String(body["text"]),
          alert: body["show_alert"] === true,
          press: String(body["callback_query_id"]),
        });
        return ok(true);
      case "getUpdates":
        return this.#getUpdates(Number(body["offset"] ?? 0));
      case "setWebhook":
        this.webhook = body as typeof this.webhook;
        return ok(true);
      case "deleteWebhook":
        this.webhook = undefined;
        return ok(true);
      default:
        return error(404, "Not Found");
    }
  }

  async #getUpdates(offset: number): Promise<Response> {
    if (this.webhook) return error(409, "Conflict: can't use getUpdates method while webhook is active");
    while (this.#updates[0] && this.#updates[0].update_id < offset) {
      this.#updates.shift();
      this.#acknowledged += 1;
    }
    // A long poll that ends soon: nobody's test waits for 25 s.
    if (this.#updates.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    return ok(this.#updates);
  }
}

function ok(result: unknown): Response {
  return Response.json({ ok: true, result });
}

function error(code: number, description: string): Response {
  return Response.json({ ok: false, error_code: code, description }, { status: code });
}
