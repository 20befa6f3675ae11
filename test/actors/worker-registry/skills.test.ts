import { describe, expect, test } from "bun:test";
import { eventProblem, heldTo, skillsOf } from "../../../actors/worker-registry/skills.ts";
import type { JsonValue } from "../../../src/system/errors.ts";

const number = { type: "object", required: ["n"], properties: { n: { type: "number" } } };

function read(list: JsonValue) {
  const unusable: string[] = [];
  const skills = skillsOf(list, (what) => void unusable.push(what));
  return { skills, unusable };
}

describe("the skills of a worker", () => {
  test("without schemas ask nothing of what it sends", () => {
    const { skills } = read(["t", { name: "u" }, { name: 7 }, null, { name: "v", output_schema: null }]);
    expect(skills.size).toBe(0);
    expect(eventProblem(skills.get("u"), "ready", "{}")).toBeUndefined();
  });

  test("hold an event to the schema of its name, and leave events of other names alone", () => {
    const { skills } = read([{ name: "t", events_schema: { ready: number } }]);
    const skill = skills.get("t");
    expect(eventProblem(skill, "ready", '{"n":1}')).toBeUndefined();
    expect(eventProblem(skill, "ready", '{"n":"one"}')).toContain("payload/n expected number");
    expect(eventProblem(skill, "other", '{"n":"one"}')).toBeUndefined();
  });

  test("hold a success to the schema of the output, and nothing else", () => {
    const { skills } = read([{ name: "t", output_schema: number }]);
    const result = { jobId: "j", taskId: "x", workerId: "w", status: "success", raw: "{}" };
    const skill = skills.get("t");
    const good = { ...result, data: '{"n":1}' };
    expect(heldTo(skill, "t", good)).toBe(good);
    const partial = { ...result, status: "partial" };
    expect(heldTo(skill, "t", partial)).toBe(partial);

    const broken = heldTo(skill, "t", { ...result, data: '{"n":"one"}' });
    expect(broken).toMatchObject({ jobId: "j", taskId: "x", status: "failure" });
    expect(broken.error?.code).toBe("CONTRACT_VIOLATION_ERROR");
    expect(broken.error?.message).toContain("its own output_schema of t does not take: data/n");
    expect(JSON.parse(broken.raw)).toEqual({ status: "failure", error: { ...broken.error } });
    expect(heldTo(skill, "t", result).error?.code).toBe("CONTRACT_VIOLATION_ERROR");
  });

  test("with a schema that cannot be checked here are named, and their other schemas count", () => {
    const odd = { $ref: "#/$defs/elsewhere" };
    const { skills, unusable } = read([
      { name: "t", output_schema: odd, events_schema: { ready: { type: "sentence" }, done: number } },
    ]);
    expect(unusable).toEqual(["the output of t", "the event ready of t"]);
    expect(eventProblem(skills.get("t"), "done", "{}")).toContain("payload/n");
  });

  test("with a schema that a few words make huge are named, and their other schemas count", () => {
    const nested = (depth: number): JsonValue =>
      depth === 0 ? { type: "string" } : { oneOf: [nested(depth - 1), nested(depth - 1)] };
    const types = (depth: number): JsonValue =>
      depth === 0 ? {} : { type: Array.from({ length: 10 }, () => "object"), properties: { x: types(depth - 1) } };
    const choices = Array.from({ length: 4_000 }, (_, index) => ({ const: index }));
    const { skills, unusable } = read([
      {
        name: "t",
        output_schema: nested(11),
        events_schema: { flat: { oneOf: choices }, types: types(9), done: number },
      },
    ]);
    expect(unusable).toEqual(["the output of t", "the event flat of t", "the event types of t"]);
    expect(eventProblem(skills.get("t"), "done", "{}")).toContain("payload/n");
  });

  test("of which there are very many are read up to a limit, and the log hears of it once", () => {
    const wide = { properties: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`p${index}`, {}])) };
    const list = Array.from({ length: 2_000 }, (_, index) => ({ name: `t${index}`, output_schema: wide }));
    const { skills, unusable } = read(list);
    expect(skills.has("t10")).toBe(true);
    expect(skills.has("t1999")).toBe(false);
    expect(unusable.length).toBeLessThan(100);
    expect(unusable.at(-1)).toMatch(/^the output of t\d+$/);
  });

  test("are held to their schema without the patterns in it that could take very long, and those are named", () => {
    const evil = "^(a+)+$";
    const text = (pattern: string) => ({ type: "string", pattern });
    const hidden = {
      type: "object",
      properties: {
        const: text(evil),
        pattern: text(evil),
        list: { items: text(evil) },
        n: { type: "number" },
      },
      patternProperties: { [evil]: { type: "number" } },
      additionalProperties: false,
    };
    const { skills, unusable } = read([
      { name: "t", output_schema: hidden, events_schema: { id: { properties: { x: text("^[a-z]+$") } } } },
    ]);
    expect(unusable).toEqual(Array.from({ length: 4 }, () => "the output of t"));

    const long = `${"a".repeat(40)}b`;
    const data = JSON.stringify({ const: long, pattern: long, list: [long], [long]: 1, n: "one" });
    const result = { jobId: "j", taskId: "x", workerId: "w", status: "success", raw: "{}", data };
    const beganMs = performance.now();
    const { error } = heldTo(skills.get("t"), "t", result);
    expect(performance.now() - beganMs).toBeLessThan(200);
    expect(error?.message).toContain("data/n expected number");
    expect(error?.message).not.toContain("more)");
    expect(eventProblem(skills.get("t"), "id", '{"x":"A"}')).toContain("payload/x");
  });
});
