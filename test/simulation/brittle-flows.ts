/**
 * Flows whose handlers fail for a while and work once somebody has them tried again: in aggregators, in
 * the middle of a chain, with a task or a child of their own on the way. What such a handler is given
 * the next time is what it was given before; it takes each result once.
 */
import { Blueprint } from "../../src/blueprint/index.ts";
import type { Context, Handler } from "../../src/blueprint/sdk.ts";
import { acted, ENDS, falters, type Flow, flow, keep, order, take } from "./flow.ts";

const HASTY = { maxAttempts: 1 };

/** It throws until its job is quarantined, or ends its job as failed, or does what it is there for. */
function brittle(act: Handler): Handler {
  return (context, actions) => {
    const way = falters();
    if (way === "throws") throw new Error("The brittle handler throws.");
    if (way === "fails") return actions.transitionTo("failed");
    return act(context, actions);
  };
}

/** Its handler may have run before, and have seen the same. */
function keepNew({ stateHistory }: Context, tokens: readonly unknown[]): void {
  const before = (stateHistory["tokens"] ?? []) as readonly unknown[];
  keep(
    stateHistory,
    tokens.filter((token) => !before.includes(token)),
  );
}

function tokensOf({ aggregationResults }: Context): unknown[] {
  return Object.values(aggregationResults).flatMap(({ data }) => {
    const { token, tokens = [] } = (data ?? {}) as { token?: string; tokens?: readonly string[] };
    return token === undefined ? tokens : [token];
  });
}

const collect: Handler = brittle((context, actions) => {
  take(context);
  actions.transitionTo("done");
});

function gathering(name: string, start: Handler, gather: Handler): Blueprint {
  const blueprint = flow(name, { start, collect });
  return blueprint.aggregatorFor("gather", acted(brittle(gather)));
}

export const BRITTLE_FLOWS: readonly Flow[] = [
  {
    blueprint: gathering(
      "brittle-fan",
      ({ initialData }, actions) =>
        actions.dispatchParallel({
          tasks: Array.from({ length: initialData.count }, (_, index) => order(index % 2 === 0 ? "t" : "u", "gather")),
          aggregateInto: "gather",
        }),
      (context, actions) => {
        keepNew(context, tokensOf(context));
        actions.dispatchTask(order("t", "collect", { retry: HASTY }));
      },
    ),
    tokens: (count) => count + 1,
  },
  {
    blueprint: gathering(
      "brittle-family",
      ({ initialData }, actions) => {
        for (let index = 0; index < 2; index++) {
          actions.runBlueprint({
            blueprintName: "brittle-child",
            initialData: { ...initialData, index, count: 1 },
            transitions: { ...ENDS, success: "gather" },
          });
        }
        actions.dispatchTask(order("u", "gather"));
      },
      (context, actions) => {
        keepNew(context, tokensOf(context));
        actions.transitionTo("done");
      },
    ),
    tokens: () => 3,
  },
  {
    blueprint: flow("brittle-child", {
      start: (_c, actions) => actions.dispatchTask(order("t", "middle", { retry: HASTY })),
      middle: brittle((context, actions) => {
        take(context);
        context.stateHistory["result"] = { tokens: context.stateHistory["tokens"] };
        actions.transitionTo("done");
      }),
    }),
    tokens: () => 1,
  },
  {
    blueprint: flow("brittle-chain", {
      start: (_c, actions) => actions.dispatchTask(order("t", "first", { retry: HASTY })),
      first: (context, actions) => {
        take(context);
        actions.transitionTo("second");
      },
      second: brittle((_c, actions) => actions.transitionTo("third")),
      third: brittle((_c, actions) => actions.dispatchTask(order("u", "collect", { retry: HASTY }))),
      collect,
    }),
    tokens: () => 2,
  },
  {
    blueprint: gathering(
      "brittle-settled",
      ({ initialData }, actions) =>
        actions.dispatchParallel({
          tasks: Array.from({ length: initialData.count }, () => order("t", "gather", { retry: HASTY })),
          aggregateInto: "gather",
          join: "settled",
        }),
      (context, actions) => {
        keepNew(context, tokensOf(context));
        actions.runBlueprint({
          blueprintName: "brittle-child",
          initialData: { ...context.initialData, count: 1 },
          transitions: { ...ENDS, success: "after" },
        });
      },
    ).handlerFor("after", acted(brittle((_c, actions) => actions.transitionTo("done")))),
    tokens: () => undefined,
  },
  {
    // It waits with what it was given still in hand.
    blueprint: gathering(
      "brittle-patience",
      ({ initialData }, actions) =>
        actions.dispatchParallel({
          tasks: Array.from({ length: initialData.count }, () => order("u", "gather")),
          aggregateInto: "gather",
        }),
      (context, actions) => {
        keepNew(context, tokensOf(context));
        actions.waitForEvent({
          event: "go",
          timeoutSeconds: 2,
          transitions: { received: "collect", timeout: "failed" },
        });
      },
    ),
    tokens: (count) => count,
  },
];
