import { describe, expect, test } from "bun:test";
import { parseExpression } from "../../src/blueprint/condition-parser.ts";
import { evaluate, parseCondition } from "../../src/blueprint/conditions.ts";
import { Blueprint, type Handler, type When } from "../../src/index.ts";
import { Refusal } from "../../src/system/errors.ts";
import { runTurn } from "./turns.ts";

const data = {
  initialData: {
    language: "en",
    size: 7,
    urgent: true,
    tags: ["a", "b"],
    none: null,
    deep: { list: [{ id: 3 }], "a-b": 1 },
    zero: 0,
  },
  stateHistory: { size: 7, empty: [] },
  client: { id: "c", plan: "premium", config: { languages: ["en", "de"] } },
  attempt: 2,
  jobId: "j",
  currentState: "start",
};

function decide(text: string): boolean {
  return evaluate(text, parseExpression(text), data);
}

function refusalOf(run: () => unknown): Refusal {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a condition that holds", () => {
  test.each([
    "context.initial_data.language == 'en'",
    "context.initialData.language == 'en'",
    'initial_data.language == "en"',
    "initialData.language == 'en'",
    "initial_data['language'] == 'en'",
    "initial_data.deep.list[0].id == 3",
    "initial_data.deep['a-b'] == 1",
    "initial_data.size > 6 and initial_data.size <= 7",
    "initial_data.size == state_history.size",
    "initial_data.size > -1.5e1",
    "initial_data.language < 'fr'",
    "initial_data.language in ['de', 'en',]",
    "initial_data.language in context.client.config.languages",
    "initial_data.language not in ['fr']",
    "'n' in initial_data.language",
    "'id' in initial_data.deep.list[0]",
    "initial_data.tags == ['a', 'b']",
    "initial_data.urgent == True",
    "initial_data.urgent",
    "not initial_data.zero",
    "not state_history.empty",
    "not (initial_data.size == 8 or initial_data.size == 9)",
    "client.plan == 'free' or client.plan == 'premium' and attempt >= 2",
    "initial_data.none == None",
    "initial_data.missing == null",
    "initial_data.missing == 'x' or initial_data.size == 7",
    "not initial_data.missing",
    "'it\\'s' == \"it's\"",
    String.raw`'\u0065\x6e' == initial_data.language`,
    String.raw`'a\tb\\' == "a\u0009b\u005c"`,
    "context.stateHistory.size == context.state_history.size",
    "context.client.config.languages == ['en', 'de']",
    "context.jobId == 'j' and job_id == 'j' and context.currentState == 'start'",
    `${"(".repeat(99)}true${")".repeat(99)}`,
  ])("%s", (text) => expect(decide(text)).toBe(true));
});

describe("a condition that does not hold", () => {
  test.each([
    "initial_data.language == 'de'",
    "initial_data.language != 'en'",
    "initial_data.size == '7'",
    "initial_data.missing == 'en'",
    "initial_data.missing != 'en'",
    "initial_data.missing != null",
    "initial_data.missing > 3",
    "initial_data.missing in ['a']",
    "initial_data.missing not in ['a']",
    "initial_data.deep.missing.further == 1",
    "initial_data.constructor",
    "initial_data.language.length == 2",
    "error.code == 'X'",
    "initial_data.missing",
    "false or None or 0 or ''",
  ])("%s", (text) => expect(decide(text)).toBe(false));
});

describe("a condition that cannot be decided says why", () => {
  test.each([
    ["initial_data.language > 3", 'the text "en" and 3'],
    ["initial_data.none < 3", "null and 3"],
    ["initial_data.tags >= 1", "a list and 1"],
    ["initial_data.size in 7", "look for 7 in 7"],
    ["'a' in initial_data.none", "in null"],
  ])("%s", (text, reason) => {
    const refusal = refusalOf(() => decide(text));
    expect(refusal.code).toBe("CONDITION_ERROR");
    expect(refusal.message).toContain(reason);
  });
});

describe("a condition that cannot be read shows the column", () => {
  test.each([
    ["context.initial_data.language ==", 33, "expected a value"],
    ["initial_data.a = 3", 16, '"=" is not known here, write "=="'],
    ["initial_data.a === 3", 16, 'write "=="'],
    ["initial_data.a && initial_data.b", 16, 'write "and"'],
    ["!initial_data.a", 1, 'write "not"'],
    ["language == 'en'", 1, '"language" is not known'],
    ["context.language == 'en'", 9, '"language" is not known'],
    ["initial_data.get('a') == 1", 17, "functions cannot be called"],
    ["initial_data.a == 'en", 19, "no closing '"],
    ["(initial_data.a == 1", 21, 'expected ")"'],
    ["1 < initial_data.a < 3", 20, "two comparisons in a row"],
    ["initial_data.a == 1 initial_data.b", 21, 'expected "and", "or" or the end'],
    ["initial_data.a in [1 2]", 22, 'expected ","'],
    ["initial_data.a not 3", 20, 'expected "in"'],
    ["initial_data.[1]", 14, "expected a name"],
    ["initial_data.a == and", 19, 'found "and"'],
    ["initial_data.a is None", 16, 'write "== null"'],
    ["initial_data.a-b == 1", 15, 'written in brackets, such as initial_data["a-b"]'],
    [String.raw`initial_data.a == 'a\d'`, 21, String.raw`"\d" is not known in a text, write "\\"`],
    ["len(initial_data.a) > 1", 1, '"len" is not known'],
    [`${"(".repeat(101)}true`, 102, "more than 100 levels deep"],
    [`${"not ".repeat(200)}true`, 405, "more than 100 levels deep"],
    ["initial_data.a ; 1", 16, '";" is not known'],
    ["", 1, "expected a value"],
  ])("%s", (text, column, reason) => {
    const refusal = refusalOf(() => parseExpression(text));
    expect(refusal.code).toBe("CONDITION_SYNTAX");
    expect(refusal.message).toContain(reason);
    expect(refusal.details).toEqual({ condition: text, column });
    expect(refusal.message.split("\n").at(-1)).toBe(`${" ".repeat(column + 1)}^`);
  });

  test("unless it is so long that nobody could read it", () => {
    const refusal = refusalOf(() => parseExpression(`initial_data.a == '${"x".repeat(10_000)}'`));
    expect(refusal.message).toContain("longer than 10000 characters");
  });

  test("and is kept for the check, so that the file loads", () => {
    expect(parseCondition("a ==")).toMatchObject({ kind: "broken", text: "a ==" });
  });
});

describe("among the handlers of a state", () => {
  const to =
    (state: string): Handler =>
    (_context, actions) =>
      actions.transitionTo(state);

  /** The state that follows for the input; the default is declared first on purpose. */
  async function follows(conditions: readonly [When, string][], input: object): Promise<string | undefined> {
    const blueprint = new Blueprint({ name: "b" }).handlerFor("start", { isStart: true }, to("default"));
    for (const [condition, state] of conditions) blueprint.handlerFor("start").when(condition, to(state));
    for (const state of ["default", "one", "two"]) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
    const { ending } = await runTurn(blueprint, { initialData: JSON.stringify(input) });
    return ending.kind === "ended" ? ending.state : JSON.stringify(ending);
  }

  const overlapping: readonly [When, string][] = [
    ["initial_data.size > 10", "one"],
    [({ initialData }) => initialData.size > 5, "two"],
  ];

  test.each([
    [{ size: 20 }, "one"],
    [{ size: 7 }, "two"],
    [{ size: 1 }, "default"],
    [{}, "default"],
  ])("the first whose condition holds for %j runs, else the default: %s", async (input, state) => {
    expect(await follows(overlapping, input)).toBe(state);
  });

  test("one that cannot be decided fails the job with the reason, also when a later one would hold", async () => {
    const ending = await follows(
      [
        ["initial_data.size > 10", "one"],
        ["true", "two"],
      ],
      { size: "big" },
    );
    expect(ending).toContain("CONDITION_ERROR");
    expect(ending).toContain("wants two numbers or two texts");
  });

  test("one that throws fails the run with the reason", async () => {
    const ending = await follows([[({ initialData }) => initialData.deep.size > 1, "one"]], {});
    expect(ending).toContain('"kind":"broke"');
    expect(ending).toContain("initialData.deep");
  });
});
