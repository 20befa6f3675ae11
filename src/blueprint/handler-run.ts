/** One run of a function of the user's, watched: how it ended, or why it was given up. */
import type { Cancel, Timers } from "../system/clock.ts";
import { Refusal } from "../system/errors.ts";
import type { StopSignal } from "../system/stopping.ts";
import type { Actions, Context, Handler } from "./sdk.ts";

export type HandlerEnd =
  | { readonly kind: "returned" }
  | { readonly kind: "threw"; readonly error: unknown }
  | { readonly kind: "timeout" }
  | { readonly kind: "aborted" };

const RETURNED: HandlerEnd = { kind: "returned" };

/** So many microtasks are waited for before a timer is set: most handlers have ended by then. */
const PATIENCE = 3;

/** The signal of one run. The controller exists only if the handler looks at it or is given up. */
export class RunSignal {
  #controller: AbortController | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(reason: Refusal): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}

export interface Watch {
  readonly run: RunSignal;
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** The turn's own. */
  readonly signal: StopSignal | undefined;
}

/** A handler that goes on after its call. */
export class Pending {
  constructor(readonly promise: PromiseLike<unknown>) {}
}

/** Most handlers end within their call: nothing is made to watch them. */
export function callHandler(handler: Handler, context: Context, actions: Actions): HandlerEnd | Pending {
  let returned: unknown;
  try {
    returned = handler(context, actions);
  } catch (error) {
    return { kind: "threw", error };
  }
  if (!isThenable(returned)) return RETURNED;
  if (returned instanceof Promise && Bun.peek.status(returned) === "fulfilled") return RETURNED;
  return new Pending(returned);
}

export function watched({ promise: pending }: Pending, watch: Watch): Promise<HandlerEnd> {
  return new Promise((resolve) => {
    let isOver = false;
    let release: Cancel = () => undefined;
    const end = (how: HandlerEnd) => {
      // What a handler does after it was given up, its rejection included, concerns nobody.
      if (isOver) return;
      isOver = true;
      release();
      resolve(how);
    };
    pending.then(
      () => end(RETURNED),
      (error: unknown) => end({ kind: "threw", error }),
    );
    void afterMicrotasks(PATIENCE).then(() => {
      if (!isOver) release = giveUpLater(watch, end);
    });
  });
}

function giveUpLater(watch: Watch, end: (how: HandlerEnd) => void): Cancel {
  const { run, signal, timers, timeoutMs } = watch;
  const giveUp = (kind: "timeout" | "aborted", why: string) => {
    end({ kind });
    run.abort(new Refusal(kind === "timeout" ? "HANDLER_TIMEOUT" : "HANDLER_ABORTED", 503, why));
  };
  const abort = () => giveUp("aborted", "The run was given up: the job was cancelled or the server stops.");
  if (signal?.aborted) {
    abort();
    return () => undefined;
  }
  const cancel = timers.after(timeoutMs, () =>
    giveUp("timeout", `The handler ran for more than ${timeoutMs / 1000} s.`),
  );
  signal?.addEventListener("abort", abort, { once: true });
  return () => {
    cancel();
    signal?.removeEventListener("abort", abort);
  };
}

async function afterMicrotasks(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await undefined;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
