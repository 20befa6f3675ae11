import { describe, expect, test } from "bun:test";
import { describeFiles, type GivenFilesSettings, readFilesSettings } from "../../src/files/settings.ts";

const NOTHING: GivenFilesSettings = {
  endpoint: undefined,
  region: undefined,
  accessKey: undefined,
  secretKey: undefined,
  bucket: undefined,
  concurrency: undefined,
  patienceSeconds: undefined,
};
const ON = { ...NOTHING, endpoint: "http://127.0.0.1:9000" };

test("without an endpoint there are no files, and nothing is said", () => {
  expect(readFilesSettings(NOTHING)).toEqual({ settings: undefined, warnings: [] });
});

test("an endpoint alone is enough; the rest has defaults", () => {
  expect(readFilesSettings(ON).settings).toEqual({
    endpoint: "http://127.0.0.1:9000",
    region: "us-east-1",
    bucket: "avtomatika-payloads",
    keys: undefined,
    concurrency: 100,
    patienceMs: 120_000,
  });
});

test("what is set in vain is told", () => {
  const { settings, warnings } = readFilesSettings({ ...NOTHING, bucket: "work", accessKey: "a", secretKey: "hush" });
  expect(settings).toBeUndefined();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("S3_BUCKET and S3_ACCESS_KEY are set");
  expect(warnings[0]).toContain("S3_ENDPOINT_URL");
  expect(warnings[0]).not.toContain("hush");
});

describe("what contradicts itself is refused", () => {
  test.each([
    [{ ...ON, accessKey: "a" }, "S3_SECRET_KEY is not"],
    [{ ...ON, secretKey: "hush" }, "S3_ACCESS_KEY is not"],
    [{ ...NOTHING, accessKey: "a" }, "S3_SECRET_KEY is not"],
    [{ ...ON, endpoint: "s3.local" }, "http://"],
    [{ ...ON, endpoint: "ftp://x" }, "http://"],
    [{ ...ON, endpoint: "http://me:hush@x" }, "S3_ACCESS_KEY"],
    [{ ...ON, bucket: "no/bucket" }, "S3_BUCKET"],
  ])("%j", (given, sentence) => {
    let said = "";
    try {
      readFilesSettings(given);
    } catch (error) {
      said = String(error);
    }
    expect(said).toContain(sentence);
    expect(said).not.toContain("hush");
  });
});

test("the log says where files lie and never with which keys", () => {
  const { settings } = readFilesSettings({ ...ON, accessKey: "a-key", secretKey: "hush" });
  const text = JSON.stringify(settings && describeFiles(settings));
  expect(text).toContain("avtomatika-payloads");
  expect(text).not.toMatch(/a-key|hush/);
});
