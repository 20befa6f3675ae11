import { describe, expect, test } from "bun:test";
import type { Client } from "../../src/cli/client.ts";
import { createDecisions } from "../../src/cli/run-decisions.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import type { JsonMap } from "../../src/system/errors.ts";

const NOW = "2030-01-01T00:00:00.000Z";
const never = new AbortController().signal;

interface Scene {
  readonly given?: readonly string[];
  /** What a person types. Left out: nobody sits there. */
  readonly typed?: readonly string[];
  readonly telegramBotToken?: string;
}

function play({ given = [], typed, telegramBotToken }: Scene) {
  const lines = [...(typed ?? [])];
  const said: string[] = [];
  const posted = Promise.withResolvers<unknown>();
  const client = {
    post: async (path: string, body: JsonMap) => {
      posted.resolve([path, body]);
      return {};
    },
  } as Pick<Client, "post"> as Client;
  const terminal = {
    hasPerson: typed !== undefined,
    readLine: async () => lines.shift(),
    clock: { nowMs: () => Date.parse(NOW), monotonicMs: () => 0 },
  } as Partial<Terminal> as Terminal;
  const settings = { telegramBotToken, slackWebhookUrl: undefined, approvalWebhookUrl: undefined };
  const say = (text: string) => void said.push(text);
  const decisions = createDecisions({ client, terminal, settings, given, say, stop: never });
  return { decisions, said, posted: posted.promise };
}

const wait = { integration: "telegram", message: "Publish?", decisions: ["approved", "rejected"] };
const asked = (more: JsonMap = {}) => ({ event: "approval_requested", data: { wait: { ...wait, ...more } } });

describe("a job of `run` that asks a person", () => {
  test("is decided for by --decide, in its order", async () => {
    const { decisions, posted } = play({ given: ["rejected"] });
    decisions.see("j1", asked());
    expect(await posted).toEqual(["/api/jobs/j1/decision", { decision: "rejected" }]);
  });

  test("asks who sits at the terminal, again after a slip", async () => {
    const { decisions, said, posted } = play({ typed: ["aproved", " approved "] });
    decisions.see("j1", asked());
    expect(await posted).toEqual(["/api/jobs/j1/decision", { decision: "approved" }]);
    expect(said).toEqual(["Publish?\n", "decide (approved, rejected): ", "decide (approved, rejected): "]);
  });

  test.each<[string, Scene, JsonMap, string]>([
    ["where nobody can decide", {}, {}, "Give --decide approved here, or serve it"],
    ["where the input is over", { typed: [] }, {}, "A person has to decide (approved or rejected)"],
    ["where it would wait for days", {}, { until: "2030-01-03T00:00:00.000Z" }, "nobody can reach a job"],
    ["with a decision that is none", { given: ["aproved"] }, {}, 'no decision "aproved"; did you mean approved?'],
  ])("ends at once %s", async (_name, scene, more, text) => {
    const { decisions } = play(scene);
    decisions.see("j1", asked(more));
    const error: unknown = await decisions.failed.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining(text) });
  });

  test("goes on by itself where its wait is over soon, and says until when", async () => {
    const { decisions, said } = play({});
    decisions.see("j1", asked({ until: "2030-01-01T00:00:05.000Z" }));
    await Promise.resolve();
    expect(said.join("")).toStartWith("waiting until 2030-01-01T00:00:05.000Z: A person has to decide");
  });

  test("waits for whoever is asked by what is set up", async () => {
    const { decisions, said } = play({ telegramBotToken: "t" });
    decisions.see("j1", asked());
    // The next one, which nobody is asked for, is refused: the first was not.
    decisions.see("j1", asked({ integration: "slack", decisions: ["later"] }));
    const error: unknown = await decisions.failed.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining("--decide later") });
    expect(said).toEqual([]);
  });
});

test("a job of `run` that waits for an event ends at once", async () => {
  const { decisions } = play({});
  decisions.see("j1", { event: "event_awaited", data: { wait: { event: "paid" } } });
  const error: unknown = await decisions.failed.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining("jobs event ID NAME") });
});
