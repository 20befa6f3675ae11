import { describe, expect, test } from "bun:test";
import { webhookView } from "../../src/http/messages.ts";
import type { OutboxRow } from "../../src/storage/port.ts";
import { idOf } from "../storage/sample.ts";
import { asClient, asOperator, createDoors, request } from "./doors.ts";
import { createFake, job } from "./fake-orchestrator.ts";
import { runScenarios } from "./scenarios.ts";

function row(number: number, changes: Partial<OutboxRow> = {}): OutboxRow {
  return {
    id: idOf(number),
    jobId: job().id,
    kind: "webhook",
    destination: "hooks.example",
    body: "https://hooks.example/?token=hunter2\n{}",
    sinceMs: 0,
    attempts: 3,
    dueAtMs: undefined,
    failedAtMs: 1_000,
    error: "hooks.example answered 500",
    ...changes,
  };
}

const failed = (fake: ReturnType<typeof createFake>) => void fake.told.failed.push(row(3), row(2), row(1));
const get = { method: "GET", headers: asOperator };
const post = { method: "POST", headers: asOperator };

describe("messages that were given up", () => {
  runScenarios([
    {
      name: "are shown to operators, without the address and what was to be sent",
      ...get,
      path: "/api/v1/admin/outbox?failed=true",
      prepare: failed,
      status: 200,
      has: [
        '"waiting":2,"failed":3',
        `"event_id":"${idOf(3)}"`,
        '"destination":"hooks.example"',
        '"attempts":3',
        '"error":"hooks.example answered 500"',
        '"failed_at":"1970-01-01T00:00:01.000Z"',
        '"next_cursor":null',
      ],
      lacks: ["hunter2"],
    },
    {
      name: "come in pages",
      ...get,
      path: "/api/admin/outbox?limit=2",
      prepare: failed,
      status: 200,
      has: [`"next_cursor":"${idOf(2)}"`],
      lacks: [`"event_id":"${idOf(1)}"`],
    },
    {
      name: "come from a cursor on",
      ...get,
      path: `/api/admin/outbox?cursor=${idOf(2)}`,
      prepare: failed,
      status: 200,
      has: [idOf(1)],
      lacks: [`"event_id":"${idOf(3)}"`],
    },
    {
      name: "can be left out",
      ...get,
      path: "/api/admin/outbox?failed=false",
      prepare: failed,
      status: 200,
      has: ['{"waiting":2,"failed":3}'],
    },
    { name: "are no business of clients", ...get, headers: asClient, path: "/api/admin/outbox", status: 403 },
    { name: "are asked for by a word that is known", ...get, path: "/api/admin/outbox?failed=maybe", status: 400 },
    {
      name: "are sent again, one or all",
      ...post,
      path: `/api/v1/admin/outbox/${idOf(1)}/retry`,
      status: 200,
      has: ['"messages":1'],
      after: (fake) => expect(fake.told.outbox).toEqual([["retry", idOf(1)]]),
    },
    {
      name: "are all sent again",
      ...post,
      path: "/api/admin/outbox/retry",
      status: 200,
      after: (fake) => expect(fake.told.outbox).toEqual([["retry", undefined]]),
    },
    {
      name: "are thrown away by operators alone",
      ...post,
      headers: asClient,
      path: "/api/admin/outbox/discard",
      status: 403,
      after: (fake) => expect(fake.told.outbox).toEqual([]),
    },
    {
      name: "are thrown away",
      ...post,
      path: `/api/admin/outbox/${idOf(1)}/discard`,
      status: 200,
      after: (fake) => expect(fake.told.outbox).toEqual([["discard", idOf(1)]]),
    },
    {
      name: "are counted in the metrics",
      ...get,
      path: "/_public/metrics",
      prepare: failed,
      status: 200,
      has: ['orchestrator_outbox_messages{status="failed"} 3', 'orchestrator_outbox_messages{status="waiting"} 2'],
    },
  ]);
});

describe("the webhook of a job that is read", () => {
  const wanted = (status: Parameters<typeof job>[0]) => job({ webhookUrl: "https://hooks.example/", ...status });

  test("waits for the job's end", () => {
    expect(webhookView(wanted({ status: "running" }), [])).toEqual({ status: "waiting" });
  });

  test("is pending while it is tried, with what went wrong", () => {
    const pending = row(1, { dueAtMs: 5_000, failedAtMs: undefined });
    expect(webhookView(wanted({ status: "finished" }), [pending])).toEqual({
      status: "pending",
      event_id: idOf(1),
      attempts: 3,
      last_error: "hooks.example answered 500",
      next_attempt_at: "1970-01-01T00:00:05.000Z",
    });
  });

  test("was given up, or delivered", () => {
    expect(webhookView(wanted({ status: "finished" }), [row(1)])).toMatchObject({ status: "failed", attempts: 3 });
    expect(webhookView(wanted({ status: "finished" }), [])).toEqual({ status: "delivered" });
  });

  test("is not there when nobody asked for it", () => {
    expect(webhookView(job({ status: "finished" }), [])).toBeUndefined();
  });
});

describe("a webhook_url that is not public", () => {
  for (const url of ["http://127.0.0.1:9/x", "http://169.254.169.254/latest", "http://[::1]/", "http://localhost/x"]) {
    test(`is refused when the job is created, alone or in a batch: ${url}`, async () => {
      const fake = createFake();
      const { app } = createDoors(fake);
      const one = { initial_data: {}, webhook_url: url };
      for (const [path, body] of [
        ["/api/v1/jobs/simple_flow", one],
        ["/api/v1/jobs/simple_flow/batch", { jobs: [{ initial_data: {} }, one] }],
      ] as const) {
        const answer = await app.handle(request("POST", path, asClient, body));
        expect(answer.status).toBe(422);
        expect(await answer.json()).toMatchObject({ code: "WEBHOOK_ADDRESS_REFUSED" });
      }
      expect(fake.told.created).toEqual([]);
    });
  }
});
