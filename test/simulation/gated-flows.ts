/** Flows of which only so many jobs run at once. */
import type { Context } from "../../src/blueprint/sdk.ts";
import { collect, ENDS, type Flow, flow, keep, order, take } from "./flow.ts";

const some = () => undefined;

/** What a child has found out, under its parent's history. */
function childTokens({ stateHistory }: Context): unknown[] {
  const found = Object.entries(stateHistory).filter(([key]) => key.startsWith("sub_job_"));
  return found.flatMap(([, value]) => (value as { result?: { tokens?: unknown[] } }).result?.tokens ?? []);
}

export const GATED_FLOWS: readonly Flow[] = [
  {
    blueprint: flow(
      "single",
      { start: (_c, actions) => actions.dispatchTask(order("t", "collect")), collect },
      { max: 1 },
    ),
    tokens: () => 1,
  },
  {
    blueprint: flow(
      "pair",
      {
        start: (_c, actions) => actions.waitFor({ seconds: 1, then: "work" }),
        work: (_c, actions) =>
          actions.dispatchTask(order("u", "collect", { retry: { maxAttempts: 2 }, transitions: { failure: "mend" } })),
        mend: (_c, actions) => actions.dispatchTask(order("t", "collect")),
        collect,
      },
      { max: 2, key: "initial_data.count" },
    ),
    tokens: () => 1,
  },
  {
    // Runs itself: its child would wait for its place for ever, if it had to ask for one.
    blueprint: flow(
      "nested",
      {
        start: ({ initialData }, actions) => {
          if (initialData.count <= 1) return actions.dispatchTask(order("t", "tell"));
          actions.runBlueprint({
            blueprintName: initialData.count % 2 === 0 ? "nested" : "single",
            initialData: { ...initialData, count: initialData.count > 3 ? 2 : 1 },
            transitions: { ...ENDS, success: "gather" },
          });
        },
        tell: (context, actions) => {
          take(context);
          context.stateHistory["result"] = { tokens: context.stateHistory["tokens"] };
          actions.transitionTo("done");
        },
        gather: (context, actions) => {
          keep(context.stateHistory, childTokens(context));
          context.stateHistory["result"] = { tokens: context.stateHistory["tokens"] };
          actions.transitionTo("done");
        },
      },
      { max: 1 },
    ),
    tokens: some,
  },
];
