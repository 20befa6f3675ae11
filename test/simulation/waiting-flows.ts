/** Flows that wait for what no worker does: a time, an event, a person, a job of another blueprint. */
import type { Context } from "../../src/blueprint/sdk.ts";
import { acted, collect, ENDS, type Flow, flow, keep, order, RETRY, take } from "./flow.ts";

const some = () => undefined;

function resultsOf({ aggregationResults }: Context): unknown[] {
  return Object.values(aggregationResults).flatMap(({ data }) => {
    if (typeof data?.["token"] === "string") return [data["token"]];
    return Array.isArray(data?.["tokens"]) ? data["tokens"] : [];
  });
}

/** All that a child found out, as its result, so that its parent counts it too. */
function childTokens({ stateHistory }: Context): unknown[] {
  return Object.keys(stateHistory)
    .filter((key) => key.startsWith("sub_job_"))
    .flatMap((key) => {
      const { result } = stateHistory[key] as { result?: { tokens?: unknown[] } };
      return result?.tokens ?? [];
    });
}

function family(name: string, withTasks: boolean): Flow {
  const blueprint = flow(name, {
    start: ({ initialData }, actions) => {
      const children = Math.min(4, initialData.count);
      for (let index = 0; index < children; index++) {
        actions.runBlueprint({
          blueprintName: "child",
          initialData: { ...initialData, index },
          transitions: { ...ENDS, success: "gather" },
        });
      }
      if (withTasks) actions.dispatchTask(order("t", "gather"));
    },
  });
  blueprint.aggregatorFor(
    "gather",
    acted((context, actions) => {
      keep(context.stateHistory, resultsOf(context));
      actions.transitionTo("done");
    }),
  );
  return { blueprint, tokens: (count) => Math.min(4, count) + (withTasks ? 1 : 0) };
}

function joined(name: string, join: "settled" | "any" | { atLeast: number }, least: number): Flow {
  const blueprint = flow(name, {
    start: ({ initialData }, actions) =>
      actions.dispatchParallel({
        tasks: Array.from({ length: initialData.count }, (_, index) =>
          order(index % 2 === 0 ? "t" : "u", "gather", {
            retry: { ...RETRY, maxAttempts: 2 },
            ...(index % 3 === 0 && { dispatchTimeoutSeconds: 8 }),
          }),
        ),
        aggregateInto: "gather",
        join,
      }),
  });
  blueprint.aggregatorFor(
    "gather",
    acted((context, actions) => {
      keep(context.stateHistory, resultsOf(context));
      actions.transitionTo("done");
    }),
  );
  return { blueprint, tokens: some, least };
}

export const WAITING_FLOWS: readonly Flow[] = [
  {
    blueprint: flow("nap", {
      start: (_c, actions) => actions.waitFor({ seconds: 3, then: "work" }),
      work: (_c, actions) => actions.dispatchTask(order("t", "collect")),
      collect,
    }),
    tokens: () => 1,
  },
  {
    blueprint: flow("dated", {
      start: ({ initialData }, actions) => actions.waitFor({ until: initialData.until, then: "work" }),
      work: (_c, actions) => actions.dispatchTask(order("u", "collect")),
      collect,
    }),
    tokens: () => 1,
  },
  {
    blueprint: flow("eager", {
      start: (_c, actions) => actions.dispatchTask(order("t", "listen")),
      listen: (context, actions) => {
        take(context);
        actions.waitForEvent({ event: "go", timeoutSeconds: 8, transitions: { received: "heard", timeout: "work" } });
      },
      heard: ({ stateHistory }, actions) => {
        keep(stateHistory, [stateHistory["go"].token]);
        delete stateHistory["go"];
        actions.waitForEvent({ event: "go", timeoutSeconds: 4, transitions: { received: "heard", timeout: "work" } });
      },
      work: (_c, actions) => actions.dispatchTask(order("u", "collect")),
      collect,
    }),
    tokens: some,
  },
  {
    blueprint: flow("asked", {
      start: (_c, actions) =>
        actions.awaitHumanApproval({
          integration: "dashboard",
          message: "may it?",
          timeoutSeconds: 12,
          transitions: { approved: "work", rejected: "failed", timeout: "work" },
        }),
      work: (_c, actions) => actions.dispatchTask(order("t", "collect")),
      collect,
    }),
    tokens: () => 1,
  },
  {
    blueprint: flow("asked-twice", {
      start: (_c, actions) =>
        actions.awaitHumanApproval({
          integration: "slack",
          message: "first?",
          timeoutSeconds: 8,
          transitions: { approved: "second", rejected: "failed", timeout: "second" },
        }),
      second: (_c, actions) =>
        actions.awaitHumanApproval({
          integration: "slack",
          message: "second?",
          timeoutSeconds: 8,
          transitions: { approved: "work", rejected: "failed", timeout: "work" },
        }),
      work: (_c, actions) => actions.dispatchTask(order("t", "collect")),
      collect,
    }),
    tokens: () => 1,
  },
  {
    blueprint: flow("child", {
      start: (_c, actions) => actions.dispatchTask(order("t", "tell")),
      tell: (context, actions) => {
        take(context);
        context.stateHistory["result"] = { tokens: context.stateHistory["tokens"] };
        actions.transitionTo("done");
      },
    }),
    tokens: () => 1,
  },
  {
    blueprint: flow("parent", {
      start: ({ initialData }, actions) =>
        actions.runBlueprint({
          blueprintName: initialData.count === 5 ? "parent" : "child",
          initialData: { ...initialData, count: 1 },
          transitions: { ...ENDS, success: "gather", failure: "mend" },
        }),
      mend: (_c, actions) => actions.dispatchTask(order("u", "collect")),
      gather: (context, actions) => {
        keep(context.stateHistory, childTokens(context));
        context.stateHistory["result"] = { tokens: context.stateHistory["tokens"] };
        actions.transitionTo("done");
      },
      collect,
    }),
    tokens: some,
  },
  {
    blueprint: flow("orphan", {
      start: (_c, actions) =>
        actions.runBlueprint({ blueprintName: "nowhere", transitions: { ...ENDS, success: "done", failure: "work" } }),
      work: (_c, actions) => actions.dispatchTask(order("t", "collect")),
      collect,
    }),
    tokens: () => 1,
  },
  family("family", false),
  family("mixed", true),
  joined("settled", "settled", 0),
  joined("first", "any", 1),
  joined("quorum", { atLeast: 2 }, 2),
];
