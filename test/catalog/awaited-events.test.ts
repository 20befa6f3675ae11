import { describe, expect, test } from "bun:test";
import { graphOf, stateFactsOf } from "../../src/blueprint/graph.ts";
import { definitionOf } from "../../src/blueprint/index.ts";
import { awaitedEventsOf, warningOfEvent } from "../../src/catalog/awaited-events.ts";
import { Blueprint, type Handler } from "../../src/index.ts";

/** The text of a handler as a function: what the compiler would fold stays as it is written. */
function written(body: string): Handler {
  return new Function(`return (context, actions) => {${body}}`)() as Handler;
}

function manifestOf(...bodies: readonly string[]) {
  const blueprint = new Blueprint({ name: "order_flow" });
  bodies.forEach((body, index) => blueprint.handlerFor(`s${index}`, { isStart: index === 0 }, written(body)));
  blueprint.handlerFor("done", { isEnd: true }, () => undefined);
  const definition = definitionOf(blueprint);
  return { name: "order_flow", states: stateFactsOf(definition, graphOf(definition), "s0") };
}

const waitFor = (event: string) => `actions.waitForEvent({ event: ${event}, transitions: { received: "done" } });`;

describe("the events that a blueprint waits for", () => {
  test.each([
    ["named in two states", [waitFor('"paid"'), waitFor('"shipped"')], ["paid", "shipped"], false],
    ["one of two", [waitFor('context.odd ? "a" : "b"')], ["a", "b"], false],
    ["by a constant", [`const event = "paid"; ${waitFor("event")}`], ["paid"], false],
    ["none", ['actions.transitionTo("done")'], [], false],
    ["computed", [waitFor("context.initialData.event")], [], true],
    ["named or computed", [waitFor('context.odd ? "a" : context.initialData.event')], ["a"], true],
    ["spread into the request", ["actions.waitForEvent({ ...context.initialData })"], [], true],
    ["where the code is not read", ["help(actions)"], [], true],
  ])("%s", (_, bodies, names, mayBeOthers) => {
    const found = awaitedEventsOf(manifestOf(...bodies));
    expect([found.names.toSorted(), found.mayBeOthers]).toEqual([names, mayBeOthers]);
  });
});

describe("an event of another name", () => {
  const named = manifestOf(waitFor('"paid"'), waitFor('"shipped"'));

  test("is told the one that was meant, or those that there are", () => {
    expect(warningOfEvent("payed", named, undefined)).toContain('no event "payed": did you mean paid?');
    expect(warningOfEvent("refunded", named, undefined)).toContain("only for paid, shipped");
    expect(warningOfEvent("paid", named, undefined)).toBeUndefined();
    expect(warningOfEvent("paid", manifestOf('actions.transitionTo("done")'), undefined)).toContain("no event at all");
  });

  test("shows a few names of many", () => {
    const many = manifestOf(...Array.from({ length: 9 }, (_, index) => waitFor(`"event number ${index}"`)));
    expect(warningOfEvent("x", many, undefined)).toContain("event number 4 and others");
  });

  test("may be one that is computed: then only what looks misspelled is worth a word", () => {
    const computed = manifestOf(waitFor('context.odd ? "paid" : context.initialData.event'));
    expect(warningOfEvent("refunded", computed, undefined)).toBeUndefined();
    expect(warningOfEvent("payed", computed, undefined)).toContain("did you mean paid?");
    expect(warningOfEvent("order-17", computed, "order-17")).toBeUndefined();
    expect(warningOfEvent("order-71", computed, "order-17")).toContain("did you mean order-17?");
  });
});
