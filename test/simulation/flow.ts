/**
 * What the simulated flows are made of. They leave a trace of every result that counted: a token in
 * each result, which the next handler takes out of the history and puts at the end of a list.
 */
import { Blueprint } from "../../src/blueprint/index.ts";
import type { Actions, Context, Handler, TaskRequest } from "../../src/blueprint/sdk.ts";

/** What happens to a handler while it runs; may throw, take long, or compute for a while. */
export interface Stage {
  enter(jobId: string): Promise<void> | undefined;
  /** How a brittle handler fails this time, if it does. */
  falters(): Faltering;
}

export type Faltering = "throws" | "fails" | undefined;

let stage: Stage = { enter: () => undefined, falters: () => undefined };

/** Handlers are made once; the world that is being simulated sets what happens to them. */
export function playOn(next: Stage): void {
  stage = next;
}

export function acted(act: Handler): Handler {
  return (context, actions) => {
    const pause = stage.enter(context.jobId);
    if (!pause) return act(context, actions);
    return pause.then(() => act(context, actions));
  };
}

/** Something may happen to it in the middle too. */
export async function midway({ jobId }: Context): Promise<void> {
  await stage.enter(jobId);
}

export function falters(): Faltering {
  return stage.falters();
}

export function keep(history: Record<string, unknown>, tokens: readonly unknown[]): void {
  const before = Array.isArray(history["tokens"]) ? history["tokens"] : [];
  history["tokens"] = [...before, ...tokens];
}

export function take({ stateHistory }: Context): void {
  if (stateHistory["token"] === undefined) return;
  keep(stateHistory, [stateHistory["token"]]);
  delete stateHistory["token"];
}

export const RETRY = { maxAttempts: 3, backoffSeconds: 0.4, maxBackoffSeconds: 2 };
export const ENDS = { failure: "failed", cancelled: "stopped" };

export function flow(
  name: string,
  states: Record<string, Handler>,
  concurrency?: { max: number; key?: string },
): Blueprint {
  const blueprint = new Blueprint({ name, ...(concurrency && { concurrency }) });
  for (const [index, [state, act]] of Object.entries(states).entries()) {
    blueprint.handlerFor(state, index === 0 ? { isStart: true } : {}, acted(act));
  }
  for (const state of ["done", "failed", "stopped"]) {
    blueprint.handlerFor(
      state,
      { isEnd: true },
      acted(() => undefined),
    );
  }
  return blueprint;
}

export function order(taskType: string, success: string, more: Partial<TaskRequest> = {}): TaskRequest {
  return { taskType, retry: RETRY, ...more, transitions: { ...ENDS, success, ...more.transitions } };
}

export function collect(context: Context, actions: Actions): void {
  take(context);
  actions.transitionTo("done");
}

/** The flow, and how many results a job of it that finished has counted; undefined: it depends. */
export interface Flow {
  readonly blueprint: Blueprint;
  readonly tokens: (count: number) => number | undefined;
  /** Where it depends: not fewer than so many. */
  readonly least?: number;
}
