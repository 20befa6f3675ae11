import { describe, expect } from "bun:test";
import { asClient, asOperator } from "./doors.ts";
import { type Fake, job } from "./fake-orchestrator.ts";
import { runScenarios } from "./scenarios.ts";

const id = (number: number) => `01890000-0000-7000-8000-00000000000${number}`;
const ID = id(1);
const withJobs = (fake: Fake) => {
  fake.jobs.set(ID, job());
  fake.jobs.set(id(2), job({ id: id(2), status: "finished" }));
  fake.jobs.set(id(3), job({ id: id(3), hash: "h2" }));
};
const post = { method: "POST", headers: asOperator, prepare: withJobs };
const one = { ...post, path: `/api/v1/jobs/${ID}/migrate` };
const many = { ...post, path: "/api/v1/jobs/migrate" };

describe("migrating a job", () => {
  runScenarios([
    {
      name: "says from where to where, and the state's new name",
      ...one,
      body: { to: "h2", states: { start: "begin" } },
      status: 200,
      has: [`{"status":"migrated","job_id":"${ID}","dry_run":false,"from":"h1","to":"h2","current_state":"begin"}`],
      after: (fake) =>
        expect(fake.told.asked).toEqual([{ migrate: ID, to: "h2", states: { start: "begin" }, isDryRun: false }]),
    },
    {
      name: "can be tried",
      ...one,
      path: `${one.path}?dry_run=true`,
      body: { to: "h2" },
      status: 200,
      has: ['"dry_run":true'],
      after: (fake) => expect(fake.told.asked).toEqual([{ migrate: ID, to: "h2", states: {}, isDryRun: true }]),
    },
    {
      name: "that does not fit is 409",
      ...one,
      body: { to: "unfit" },
      status: 409,
      has: ['"code":"MIGRATION_MISFIT"'],
    },
    { name: "is for operators", ...one, headers: asClient, body: { to: "h2" }, status: 403, has: ["FORBIDDEN"] },
    ...[{}, { to: "" }, { to: 7 }].map((body) => ({
      name: `to ${JSON.stringify(body)} says what to send`,
      ...one,
      body,
      status: 422,
      has: ["to must be the version to go to"],
    })),
    ...["start", ["start"], { start: 1 }, { start: "" }].map((states) => ({
      name: `by the states ${JSON.stringify(states)} says what to send`,
      ...one,
      body: { to: "h2", states },
      status: 422,
      has: ["states must be an object of names"],
    })),
    {
      name: "that is not there is 404",
      ...one,
      path: `/api/v1/jobs/${id(9)}/migrate`,
      body: { to: "h2" },
      status: 404,
      has: ["JOB_NOT_FOUND"],
    },
  ]);
});

describe("migrating many", () => {
  runScenarios([
    {
      name: "takes those that are not over, and tells which were of that version",
      ...many,
      body: { to: "h2", blueprint: "simple", states: { start: "begin" } },
      status: 200,
      has: [`"job_ids":["${ID}"],"unchanged":["${id(3)}"],"skipped":[],"next_cursor":null`],
      after: (fake) => {
        expect(fake.told.queries[0]).toMatchObject({ blueprint: "simple" });
        expect(fake.told.asked).toHaveLength(2);
      },
    },
    {
      name: "names those that do not fit, and takes the others",
      ...many,
      body: { to: "unfit", blueprint: "simple" },
      status: 200,
      has: ['"job_ids":[]', `{"job_id":"${ID}","error":"It does not fit.","code":"MIGRATION_MISFIT"}`],
    },
    {
      name: "wants a filter",
      ...many,
      body: { to: "h2" },
      status: 400,
      has: ['"code":"FILTER_REQUIRED"'],
      after: (fake) => expect(fake.told.asked).toEqual([]),
    },
    { name: "refuses an unknown filter", ...many, body: { to: "h2", blueprnt: "x" }, status: 400, has: ["blueprnt"] },
    { name: "is for operators", ...many, headers: asClient, body: { to: "h2", blueprint: "x" }, status: 403 },
  ]);
});
