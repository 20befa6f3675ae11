import { describe } from "bun:test";
import { expect } from "bun:test";
import { asClient, asOperator } from "./doors.ts";
import { createFake, job, manifest } from "./fake-orchestrator.ts";
import { runScenarios } from "./scenarios.ts";

const limited = () => createFake([manifest({ concurrency: { max: 2, key: "initial_data.customer" } })]);
const refused = {
  severity: "error",
  file: "/srv/simple.ts",
  line: 3,
  column: 5,
  rule: "syntax",
  message: "broken",
  serving: ["simple"],
} as const;
const ID = "01890000-0000-7000-8000-000000000001";

describe("blueprints over HTTP", () => {
  runScenarios([
    {
      name: "the list tells limits and pauses, and operators how many run and wait",
      method: "GET",
      path: "/api/v1/blueprints",
      headers: asOperator,
      fake: limited,
      prepare: (fake) => void fake.told.paused.set("simple", 0),
      status: 200,
      has: [
        '"concurrency":{"max":2,"key":"initial_data.customer"}',
        '"paused":true,"paused_since":"1970-01-01T00:00:00.000Z"',
        '"at_gate":{"inside":2,"waiting":3}',
        '"version":"h1"',
      ],
    },
    {
      name: "clients are not told how many jobs of others there are",
      method: "GET",
      path: "/api/blueprints",
      headers: asClient,
      status: 200,
      has: ['"paused":false,"paused_since":null', '"concurrency":null'],
      lacks: ["at_gate"],
    },
    {
      name: "one blueprint is read with its states and where they lead",
      method: "GET",
      path: "/api/v1/blueprints/simple",
      headers: asClient,
      status: 200,
      has: ['{"name":"start","is_start":true', '"transitions":[{"from":"start","to":"finished","label":"success"}]'],
      lacks: ["at_gate"],
    },
    {
      name: "one that is not there is named with its like",
      method: "GET",
      path: "/api/v1/blueprints/simpel",
      headers: asClient,
      status: 404,
      has: ['"code":"BLUEPRINT_NOT_FOUND"', '"near":["simple"]'],
    },
    {
      name: "an operator sees which files were refused, and what serves on in their place",
      method: "GET",
      path: "/api/blueprints",
      headers: asOperator,
      prepare: (fake) => void fake.told.refused.push(refused),
      status: 200,
      has: ['"refused":[{"file":"/srv/simple.ts","line":3', "broken (the version before serves on: simple)"],
    },
    {
      name: "a client does not see them",
      method: "GET",
      path: "/api/blueprints",
      headers: asClient,
      prepare: (fake) => void fake.told.refused.push(refused),
      status: 200,
      lacks: ["refused", "broken"],
    },
    {
      name: "one whose newest version was refused says so when it is read",
      method: "GET",
      path: "/api/v1/blueprints/simple",
      headers: asOperator,
      prepare: (fake) => void fake.told.refused.push(refused),
      status: 200,
      has: ['"warning":"the newest version of its file is refused, so the one before runs: '],
    },
    {
      name: "an operator who starts a job of one hears that the version before runs",
      method: "POST",
      path: "/api/v1/blueprints/simple/jobs",
      headers: asOperator,
      body: {},
      prepare: (fake) => void fake.told.refused.push(refused),
      status: 202,
      has: ['"warning":"the newest version of its file is refused', "simple.ts:3:5: syntax: broken"],
    },
    {
      name: "a name that may be that of a refused file is told with the reason",
      method: "POST",
      path: "/api/v1/blueprints/zz_typo/jobs",
      headers: asOperator,
      body: {},
      prepare: (fake) => void fake.told.refused.push({ ...refused, file: "/srv/zz-typo.ts", serving: [] }),
      status: 404,
      has: ["There are: simple. Refused, and so not in service: ", "zz-typo.ts:3:5: syntax: broken"],
    },
    {
      name: "of many refused files, the one that is meant is told alone",
      method: "POST",
      path: "/api/v1/blueprints/zz_typo/jobs",
      headers: asOperator,
      body: {},
      prepare: (fake) =>
        void fake.told.refused.push(refused, {
          ...refused,
          file: "/srv/other.ts",
          message: 'blueprint "zz_typo" is twice',
        }),
      status: 404,
      has: ["other.ts:3:5"],
      lacks: ["simple.ts:3:5"],
    },
    {
      name: "where none of the refused files can be told to be meant, some are named",
      method: "POST",
      path: "/api/v1/blueprints/quite_another_one/jobs",
      headers: asOperator,
      body: {},
      prepare: (fake) =>
        void fake.told.refused.push(...["a", "b", "c", "d"].map((name) => ({ ...refused, file: `/srv/${name}.ts` }))),
      status: 404,
      has: ["Some were refused, and may be what is meant: ", "c.ts:3:5", "`orchestrator blueprints list` tells all"],
      lacks: ["d.ts:3:5"],
    },
    {
      name: "a client hears only which there are",
      method: "GET",
      path: "/api/v1/blueprints/zz_typo",
      headers: asClient,
      prepare: (fake) => void fake.told.refused.push(refused),
      status: 404,
      has: ['"hint":"There are: simple."'],
      lacks: ["syntax"],
    },
    {
      name: "more names than help are counted",
      method: "GET",
      path: "/api/v1/blueprints/quite_another_one",
      headers: asClient,
      fake: () => createFake(Array.from({ length: 13 }, (_, index) => manifest({ name: `b${10 + index}` }))),
      status: 404,
      has: ["b18, b19 and 3 more."],
    },
    {
      name: "an operator pauses one",
      method: "POST",
      path: "/api/v1/admin/blueprints/simple/pause",
      headers: asOperator,
      status: 200,
      has: ['{"status":"paused","blueprint":"simple"}'],
      after: (fake) => expect(fake.told.paused.has("simple")).toBeTrue(),
    },
    {
      name: "an operator resumes it",
      method: "POST",
      path: "/api/admin/blueprints/simple/resume",
      headers: asOperator,
      prepare: (fake) => void fake.told.paused.set("simple", 0),
      status: 200,
      has: ['{"status":"resumed","blueprint":"simple"}'],
      after: (fake) => expect(fake.told.paused.has("simple")).toBeFalse(),
    },
    {
      name: "a client does not pause",
      method: "POST",
      path: "/api/v1/admin/blueprints/simple/pause",
      headers: asClient,
      status: 403,
      after: (fake) => expect(fake.told.paused.size).toBe(0),
    },
    {
      name: "a pause of a blueprint that is not there is refused",
      method: "POST",
      path: "/api/v1/admin/blueprints/other/pause",
      headers: asOperator,
      status: 404,
      has: ['"code":"BLUEPRINT_NOT_FOUND"'],
    },
  ]);
});

describe("tags in lists", () => {
  const list = { method: "GET", headers: asClient };
  runScenarios([
    {
      name: "each given one has to be there",
      ...list,
      path: "/api/v1/jobs?tag=a&tag=b%20c&tag=a&status=failed",
      status: 200,
      after: (fake) => expect(fake.told.queries[0]).toMatchObject({ tags: ["a", "b c"], status: "failed" }),
    },
    {
      name: "and the children of a job are listed",
      ...list,
      path: `/api/v1/jobs?parent=${ID}`,
      status: 200,
      after: (fake) => expect(fake.told.queries[0]).toMatchObject({ parent: ID }),
    },
    {
      name: "by its id",
      ...list,
      path: "/api/v1/jobs?parent=x",
      status: 400,
      has: ['"code":"INVALID_PARAMETER"', "the id of a job"],
    },
    {
      name: "an empty one is refused",
      ...list,
      path: "/api/v1/jobs?tag=",
      status: 400,
      has: ['"code":"INVALID_PARAMETER"', "?tag=a&tag=b"],
    },
    {
      name: "so are more than fifty",
      ...list,
      path: `/api/v1/jobs?${Array.from({ length: 51 }, (_, index) => `tag=t${index}`).join("&")}`,
      status: 400,
      has: ["at most 50 tags"],
    },
  ]);
});

describe("a job that has not begun", () => {
  const read = { method: "GET", path: `/api/v1/jobs/${ID}`, headers: asClient, status: 200 };
  runScenarios([
    {
      name: "says when it will",
      ...read,
      prepare: (fake) =>
        void fake.jobs.set(
          ID,
          job({ status: "pending", startAtMs: 5_000, handler: { failures: 0, notBeforeMs: 5_000 }, uniqueKey: "u" }),
        ),
      has: [
        '"waiting_for":{"kind":"start","since":"1970-01-01T00:00:00.000Z","until":"1970-01-01T00:00:05.000Z"}',
        '"start_at":"1970-01-01T00:00:05.000Z"',
        '"unique_key":"u"',
      ],
    },
    {
      name: "says whose turn it waits for",
      ...read,
      prepare: (fake) =>
        void fake.jobs.set(
          ID,
          job({
            status: "pending",
            handler: { failures: 0 },
            gate: { sinceMs: 0, max: 2, key: "initial_data.customer", value: '"ada"' },
          }),
        ),
      has: ['"waiting_for":{"kind":"turn"', '"key":"initial_data.customer","group":"ada","max":2'],
    },
  ]);
});
