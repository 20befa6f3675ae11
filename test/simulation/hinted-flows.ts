/** Flows that may go on at an event of the worker, while its task runs; or do not hear of one, and go on at its result. */
import { acted, collect, type Flow, flow, keep, order, take } from "./flow.ts";

export const READY = "ready";

const hinted = (success: string, heard: string) =>
  order("t", success, { params: { isHinted: true }, eventTransitions: { [READY]: heard } });

export const HINTED_FLOWS: readonly Flow[] = [
  {
    blueprint: flow("hinted", {
      start: (_c, actions) => actions.dispatchTask(hinted("collect", "heard")),
      heard: ({ stateHistory }, actions) => {
        keep(stateHistory, [stateHistory[READY].token]);
        delete stateHistory[READY];
        actions.dispatchTask(order("u", "collect"));
      },
      collect,
    }),
    tokens: () => undefined,
    least: 1,
  },
  {
    blueprint: flow("hinted-fan", {
      start: ({ initialData }, actions) =>
        actions.dispatchParallel({
          tasks: Array.from({ length: initialData.count }, () => hinted("gather", "gather")),
          aggregateInto: "gather",
        }),
    }).aggregatorFor(
      "gather",
      acted(({ aggregationResults, stateHistory }, actions) => {
        keep(
          stateHistory,
          Object.values(aggregationResults).map(({ data }) => data?.["token"]),
        );
        actions.transitionTo("done");
      }),
    ),
    tokens: (count) => count,
  },
  {
    // Whoever is done first takes all of them on.
    blueprint: flow("hinted-race", {
      start: ({ initialData }, actions) =>
        actions.dispatchParallel({
          tasks: Array.from({ length: initialData.count }, () => hinted("gather", "heard")),
          aggregateInto: "gather",
        }),
      heard: ({ stateHistory }, actions) => {
        keep(stateHistory, [stateHistory[READY].token]);
        delete stateHistory[READY];
        actions.dispatchTask(order("u", "collect"));
      },
      collect: (context, actions) => {
        take(context);
        actions.transitionTo("done");
      },
    }).aggregatorFor(
      "gather",
      acted(({ aggregationResults, stateHistory }, actions) => {
        keep(
          stateHistory,
          Object.values(aggregationResults).map(({ data }) => data?.["token"]),
        );
        actions.transitionTo("done");
      }),
    ),
    tokens: () => undefined,
    least: 1,
  },
];
