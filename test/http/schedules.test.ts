import { describe, expect, test } from "bun:test";
import { asClient, asOperator, createDoors, request } from "./doors.ts";
import { scheduleView } from "./fake-schedules.ts";

async function ask(
  doors: ReturnType<typeof createDoors>,
  method: string,
  path: string,
  headers = asOperator as Record<string, string>,
) {
  const answer = await doors.app.handle(request(method, path, headers));
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

describe("schedules over HTTP", () => {
  test("the list says all of a schedule, with nulls for what there is not", async () => {
    const doors = createDoors();
    doors.schedules.views = [
      scheduleView(),
      scheduleView({
        name: "hourly",
        jitterMs: 2_500,
        isPaused: true,
        nextDueMs: 60_000,
        lastDueMs: 1_000,
        lastJobId: "j1",
        lastJobStatus: "finished",
        leftOut: { dueMs: 2_000, reason: "overlap" },
        error: "wrong",
      }),
    ];
    doors.schedules.problem = "broken";
    const { status, body } = await ask(doors, "GET", "/api/v1/admin/schedules");
    expect(status).toBe(200);
    expect(body).toEqual({
      file: "schedules.toml",
      file_error: "broken",
      schedules: [
        {
          name: "nightly",
          blueprint: "simple",
          timing: "every day at 06:30",
          timezone: "Europe/Berlin",
          enabled: true,
          paused: false,
          missed: "skip",
          overlap: "allow",
          jitter_seconds: 0,
          next_due: null,
          last_due: null,
          last_job_id: null,
          last_job_status: null,
          left_out: null,
          error: null,
        },
        expect.objectContaining({
          name: "hourly",
          paused: true,
          jitter_seconds: 2.5,
          next_due: "1970-01-01T00:01:00.000Z",
          last_due: "1970-01-01T00:00:01.000Z",
          last_job_id: "j1",
          last_job_status: "finished",
          left_out: { due: "1970-01-01T00:00:02.000Z", reason: "overlap" },
          error: "wrong",
        }),
      ],
    });
  });

  test("trigger answers with the job's id and takes an Idempotency-Key; pause and resume say what is now", async () => {
    const doors = createDoors();
    const triggered = await ask(doors, "POST", "/api/admin/schedules/nightly/trigger", {
      ...asOperator,
      "idempotency-key": "k",
    });
    expect(triggered).toEqual({ status: 200, body: { status: "triggered", schedule: "nightly", job_id: "job-1" } });
    expect((await ask(doors, "POST", "/api/admin/schedules/nightly/pause")).body["status"]).toBe("paused");
    expect((await ask(doors, "POST", "/api/v1/admin/schedules/nightly/resume")).body["status"]).toBe("resumed");
    await ask(doors, "POST", "/api/admin/schedules/nightly/trigger");
    expect(doors.schedules.told).toEqual([
      "trigger k nightly",
      "pause nightly",
      "resume nightly",
      "trigger without a key nightly",
    ]);
  });

  test("a name with a space and a slash arrives as it is", async () => {
    const doors = createDoors();
    doors.schedules.views = [scheduleView({ name: "every day/night" })];
    expect(
      (await ask(doors, "POST", `/api/admin/schedules/${encodeURIComponent("every day/night")}/pause`)).status,
    ).toBe(200);
    expect(doors.schedules.told).toEqual(["pause every day/night"]);
  });

  test("a name that there is not is 404 with the nearest", async () => {
    const { status, body } = await ask(createDoors(), "POST", "/api/admin/schedules/nightli/pause");
    expect([status, body["code"]]).toEqual([404, "SCHEDULE_NOT_FOUND"]);
    expect(body["error"]).toContain("did you mean nightly?");
  });

  test.each([
    "GET /schedules",
    "POST /schedules/nightly/trigger",
    "POST /schedules/nightly/pause",
    "POST /schedules/nightly/resume",
  ])("%s is for operators alone", async (route) => {
    const doors = createDoors();
    const [method = "", path] = route.split(" ");
    expect((await ask(doors, method, `/api/admin${path}`, asClient)).status).toBe(403);
    expect((await ask(doors, method, `/api/admin${path}`, {})).status).toBe(401);
    expect(doors.schedules.told).toEqual([]);
  });

  test("reload reads them again, and answers with what is wrong", async () => {
    const doors = createDoors();
    const done = await ask(doors, "POST", "/api/admin/reload");
    expect(done).toEqual({ status: 200, body: { status: "reloaded", reloaded: ["schedules"] } });
    doors.schedules.problem = "schedules.toml: [s] is wrong.";
    const refused = await ask(doors, "POST", "/api/v1/admin/reload");
    expect(refused).toEqual({
      status: 400,
      body: { error: "schedules.toml: [s] is wrong.", code: "WRONG_SCHEDULE" },
    });
    expect(doors.schedules.told).toEqual(["reload"]);
  });

  test("an empty Idempotency-Key is refused", async () => {
    const answer = await ask(createDoors(), "POST", "/api/admin/schedules/nightly/trigger", {
      ...asOperator,
      "idempotency-key": "",
    });
    expect([answer.status, answer.body["code"]]).toEqual([422, "INVALID_IDEMPOTENCY_KEY"]);
  });
});
