import { expect, test } from "bun:test";
import { factsForParams, keepFileFacts } from "../../src/job/file-facts.ts";

const facts = (uri: string, size = 1) => ({ uri, size, etag: `e${size}` });
const told = (...uris: string[]) =>
  JSON.stringify(Object.fromEntries(uris.map((uri, index) => [`k${index}`, facts(uri)])));

test("what a result tells of its files is offered for the params that name them, under the params' names", () => {
  const known = keepFileFacts(undefined, told("s3://b/one", "s3://b/two"));
  const params = JSON.stringify({ video: "s3://b/two", other: "s3://b/three", n: 1, deep: { x: "s3://b/one" } });
  expect(JSON.parse(factsForParams(known, params) ?? "{}")).toEqual({ video: facts("s3://b/two") });
});

test("params that name none of the files get nothing, nor does anybody before the first file", () => {
  expect(factsForParams(undefined, '{"a":"s3://b/one"}')).toBeUndefined();
  expect(
    factsForParams(keepFileFacts(undefined, told("s3://b/one")), '{"a":"__proto__","b":"toString"}'),
  ).toBeUndefined();
});

test("the newest word on a file counts", () => {
  const first = keepFileFacts(undefined, told("s3://b/one"));
  const known = keepFileFacts(first, JSON.stringify({ x: facts("s3://b/one", 9) }));
  expect(JSON.parse(factsForParams(known, '{"a":"s3://b/one"}') ?? "{}")).toEqual({ a: facts("s3://b/one", 9) });
});

test("what names no file is left out, and a job in circles does not grow without end", () => {
  expect(keepFileFacts(undefined, '{"a":1,"b":{"size":2},"c":null,"d":{"uri":7}}')).toBeUndefined();
  let known: string | undefined;
  for (let round = 0; round < 500; round++) known = keepFileFacts(known, told(`s3://b/${round}`));
  expect(Object.keys(JSON.parse(known ?? "{}") as object).length).toBe(200);
  expect(factsForParams(known, '{"a":"s3://b/499","b":"s3://b/0"}')).toContain("499");
  const huge = keepFileFacts(known, told(`s3://b/${"x".repeat(100_000)}`)) ?? "";
  expect(huge.length).toBeLessThanOrEqual(70_000);
});
