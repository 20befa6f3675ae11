import { describe, expect, test } from "bun:test";
import { readWebhook, webhookBody, webhookDestination } from "../../src/job/webhook.ts";
import { idOf, sampleJob } from "../storage/sample.ts";

const URL_OF = "https://hooks.example:8443/x?y=1";

function payload(changes: Parameters<typeof sampleJob>[1]): Record<string, unknown> {
  return JSON.parse(readWebhook(webhookBody(sampleJob(idOf(1), changes), URL_OF, 0)).payload);
}

describe("what is told when a job is over", () => {
  test("carries the address apart from the payload", () => {
    const body = webhookBody(sampleJob(idOf(1), { status: "finished" }), URL_OF, 0);
    expect(readWebhook(body).url).toBe(URL_OF);
    expect(webhookDestination(URL_OF)).toBe("hooks.example:8443");
  });

  for (const [status, event] of [
    ["finished", "job_finished"],
    ["failed", "job_failed"],
    ["error", "job_failed"],
    ["quarantined", "job_quarantined"],
    ["cancelled", "job_cancelled"],
  ] as const) {
    test(`of a job that is ${status} is ${event}`, () => {
      expect(payload({ status })).toMatchObject({ event, status, job_id: idOf(1) });
    });
  }

  test("has the job's result, error, security and metadata", () => {
    const told = payload({
      status: "failed",
      stateHistory: '{"a":1,"result":{"b":2}}',
      error: { code: "X", message: "it broke" },
      security: '{"s":1}',
      metadata: '{"m":2}',
    });
    expect(told).toEqual({
      event: "job_failed",
      job_id: idOf(1),
      blueprint_name: "flow",
      status: "failed",
      current_state: "start",
      error: { code: "X", message: "it broke" },
      timestamp: "1970-01-01T00:00:00.000Z",
      result: { b: 2 },
      security: { s: 1 },
      metadata: { m: 2 },
    });
  });

  test("without a result of its own it is all that the job kept, to the letter", () => {
    const body = webhookBody(sampleJob(idOf(1), { stateHistory: '{"n":9007199254740993}' }), URL_OF, 0);
    expect(body).toContain('"result":{"n":9007199254740993}');
    expect(body).toEndWith('"security":null,"metadata":null}');
  });
});
