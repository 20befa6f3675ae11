/** What lies between the server and everybody else: requests that are lost, come twice, late, or whose answer is lost. */
import type { Engine } from "../../actors/tree.ts";
import { messageOf, Refusal } from "../../src/system/errors.ts";
import type { Process } from "./time.ts";
import type { World } from "./world.ts";

export type Outcome<Value> =
  | { readonly type: "answer"; readonly value: Value }
  | { readonly type: "refusal"; readonly code: string; readonly status: number }
  /** Nobody knows whether it arrived. */
  | { readonly type: "lost" };

export interface Request<Value> {
  readonly name: string;
  /** Whose request it is: it hears nothing while it is frozen, and never again once it is dead. */
  readonly caller?: Process;
  readonly timeoutMs?: number;
  /** Called once for each time that it arrives. */
  send(engine: Engine): Promise<Value>;
  /** Held against the promises as soon as the server says it, whoever hears of it. */
  said?(value: Value): void;
  done(outcome: Outcome<Value>): void;
  /** Something of it was lost or delayed. */
  failed?(): void;
}

export function ask<Value>(world: World, request: Request<Value>): void {
  const { time, chance, weather } = world;
  const { name, caller } = request;
  let isOpen = true;
  const settle = (outcome: Outcome<Value>, delayMs: number) => {
    time.at(
      delayMs,
      () => {
        if (!isOpen) return;
        isOpen = false;
        world.note(`${name}: ${described(outcome)}`);
        request.done(outcome);
      },
      caller,
    );
  };
  const lose = () => {
    request.failed?.();
    settle({ type: "lost" }, chance.between(0, 500));
  };
  settle({ type: "lost" }, request.timeoutMs ?? 40_000);
  if (weather.loss && world.isHappening(0.05)) return lose();

  const arrive = () => {
    const { engine, process } = world.server;
    if (!engine || !process) return settle({ type: "refusal", code: "DOWN", status: 0 }, chance.between(0, 50));
    process.onDeath(() => settle({ type: "lost" }, chance.between(0, 100)));
    request.send(engine).then(
      (value) => {
        if (!process.alive) return;
        world.hold(() => request.said?.(value));
        if (weather.loss && world.isHappening(0.05)) return lose();
        settle({ type: "answer", value }, world.delayMs());
      },
      (error: unknown) => {
        if (!process.alive) return;
        if (!(error instanceof Refusal)) world.note(`${name}: failed with ${messageOf(error)}`);
        const [code, status] = error instanceof Refusal ? [error.code, error.status] : ["INTERNAL", 500];
        settle({ type: "refusal", code, status }, world.delayMs());
      },
    );
  };
  world.arriving(world.delayMs(), arrive);
  if (weather.doubles && world.isHappening(0.08)) world.arriving(chance.delayMs(8_000), arrive);
}

function described(outcome: Outcome<unknown>): string {
  if (outcome.type === "lost") return "lost";
  return outcome.type === "refusal" ? outcome.code : String(JSON.stringify(outcome.value)).slice(0, 100);
}
