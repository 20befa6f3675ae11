import { expect, test } from "bun:test";
import { judge, refusalOf } from "../../src/files/s3/failures.ts";

function answer(name: string, status?: number, message = "said so"): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

test.each([
  ["NoSuchBucket", 404, "no-bucket"],
  ["NoSuchKey", 404, "no-file"],
  ["NotFound", 404, "no-file"],
  ["NoSuchUpload", 404, "no-upload"],
  ["InvalidRange", 416, "no-range"],
  ["InvalidAccessKeyId", 403, "denied"],
  ["SignatureDoesNotMatch", 403, "denied"],
  ["RequestTimeTooSkewed", 403, "denied"],
  ["Unknown", 403, "denied"],
  ["CredentialsProviderError", undefined, "no-keys"],
  ["SlowDown", 503, "away"],
  ["InternalError", 500, "away"],
  ["TooManyRequests", 429, "away"],
  ["TimeoutError", undefined, "away"],
  ["ECONNREFUSED", undefined, "away"],
  ["InvalidBucketName", 400, "refused"],
  ["EntityTooLarge", 400, "refused"],
] as const)("%s with status %p is taken for %s", (name, status, type) => {
  expect(judge(answer(name, status)).type).toBe(type);
});

test("whatever else is thrown is taken for a store that is away", () => {
  expect(judge("odd")).toEqual({ type: "away", why: "odd" });
});

test("keys that lack are named as our settings call them; only on AWS they may come later", () => {
  const refuse = (endpoint: string) =>
    refusalOf(judge(answer("CredentialsProviderError")), { bucket: "work", key: "a" }, endpoint);
  const elsewhere = refuse("http://store:9000");
  expect(elsewhere.code).toBe("FILES_KEYS_MISSING");
  expect(elsewhere.message).toEndWith("s3://work/a cannot be used: set S3_ACCESS_KEY and S3_SECRET_KEY.");
  expect(refuse("https://s3.eu-west-1.amazonaws.com").code).toBe("FILES_ACCESS_DENIED");
});

test("every refusal has a code, and a sentence that names the file, or the bucket, and the store", () => {
  const place = { bucket: "work", key: "jobs/1/a" };
  const sentences = [
    answer("NoSuchBucket", 404),
    answer("Unknown", 403),
    answer("TimeoutError"),
    answer("Odd", 400),
  ].map((error) => refusalOf(judge(error), place, "http://store:9000").message);
  for (const sentence of sentences) {
    expect(sentence).toContain("http://store:9000");
    expect(sentence).toContain("work");
    expect(sentence).toEndWith(".");
  }
});
