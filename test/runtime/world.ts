import { createActorSystem, type ActorSystemOptions } from "../../src/runtime/system.ts";
import type { Actor, Context, DeadLetter, Directive, Supervision } from "../../src/runtime/types.ts";
import { capturedLog } from "../support/captured-log.ts";
import { ManualTime } from "../support/manual-time.ts";

/** An actor system in time that stands still, with all that it says to the outside kept. */
export function createWorld(options: Partial<ActorSystemOptions> = {}) {
  const time = new ManualTime();
  const { log, lines } = capturedLog();
  const failures: { path: string; error: unknown }[] = [];
  const system = createActorSystem({
    clock: time,
    timers: time,
    scheduler: time,
    log,
    onFailure: (path, error) => void failures.push({ path, error }),
    ...options,
  });
  const letters: DeadLetter[] = [];
  system.onDeadLetter((letter) => void letters.push(letter));
  return { time, system, lines, letters, failures };
}

export function supervision(directive: Directive, maxRestarts = 10, windowMs = 60_000): Supervision {
  return { decide: () => directive, maxRestarts, windowMs };
}

/** Writes its life down: "started 1", each message, "stopped 1". The message "fail" fails. */
export function diary(lines: string[], extra: Partial<Actor<string>> = {}, name = ""): () => Actor<string> {
  let lives = 0;
  return () => {
    const life = ++lives;
    return {
      started: (context) => {
        lines.push(`${name}started ${life}`);
        extra.started?.(context);
      },
      receive: (message, context: Context<string>) => {
        if (message === "fail") throw new Error("told to fail");
        lines.push(`${name}${message}`);
        extra.receive?.(message, context);
      },
      stopped: () => {
        lines.push(`${name}stopped ${life}`);
        extra.stopped?.();
      },
    };
  };
}

/** An actor that is its `receive` alone. */
export function receiving<Message>(receive: Actor<Message>["receive"]): () => Actor<Message> {
  return () => ({ receive });
}
