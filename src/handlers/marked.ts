/** A definition whose handlers say that they begin, and whose console lines know which job wrote them. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { DeclaredHandler, DeclaredState, Definition } from "../blueprint/index.ts";
import type { RunningHandler } from "./running-mark.ts";

/** Which handler the code at hand belongs to, across its awaits. */
export const runningHandler = new AsyncLocalStorage<RunningHandler>();

export function markHandlers(definition: Definition, mark: (running: RunningHandler) => void): Definition {
  const wrap = (declared: DeclaredHandler): DeclaredHandler => ({
    ...declared,
    handler(context, actions) {
      const running = { jobId: context.jobId, blueprint: context.blueprint, state: context.currentState };
      mark(running);
      return runningHandler.run(running, declared.handler, context, actions);
    },
  });
  const wrapState = (state: DeclaredState): DeclaredState => ({
    ...state,
    conditional: state.conditional.map(wrap),
    ...(state.fallback && { fallback: wrap(state.fallback) }),
  });
  const states = new Map([...definition.states].map(([name, state]) => [name, wrapState(state)]));
  return { ...definition, states };
}
