import { afterEach, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { Refusal } from "../../../src/system/errors.ts";
import { temporaryFolder } from "../../storage/sqlite/open.ts";
import { Stage } from "./stage.ts";

const folders: string[] = [];
let stage: Stage | undefined;
afterEach(async () => {
  await stage?.end();
  stage = undefined;
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Time begins at midnight UTC on 1 January 2026, which is 01:00 in Berlin. */
async function start(timing: string, more = "", folder?: string): Promise<Stage> {
  stage = await Stage.start(`[s]\nblueprint = "report"\n${timing}\n${more}`, folder);
  return stage;
}

function keptFolder(): string {
  const folder = temporaryFolder();
  folders.push(folder);
  return folder;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

describe("a schedule", () => {
  test("makes a job at each due time, which belongs to the scheduler and has what the table says", async () => {
    const s = await start(
      'cron = "*/10 * * * *"',
      'tags = ["t"]\npriority = 3\ndispatch_timeout = 5\nresult_timeout = 6\ndeadline_seconds = 7200\ninput_data = { x = 1 }',
    );
    await s.world.pass(25 * MINUTE_MS, 10_000);

    expect(await s.ran()).toEqual(["00:10:00", "00:20:00"]);
    const [job] = await s.jobs();
    expect(job).toMatchObject({
      blueprint: "report",
      initialData: '{"x":1}',
      tags: ["t"],
      priority: 3,
      dispatchTimeoutMs: 5_000,
      resultTimeoutMs: 6_000,
      client: {
        id: "internal-scheduler",
        plan: "system",
        config: { source: "scheduler:s", due_at: "2026-01-01T00:10:00.000Z" },
      },
    });
    expect((job?.deadlineAtMs ?? 0) - (job?.createdAtMs ?? 0)).toBe(7_200_000);
  });

  test("with an interval runs at once and then each time that it is over, to the millisecond", async () => {
    const s = await start("interval_seconds = 7");
    await s.world.pass(60_000, 1_000);
    const jobs = await s.jobs();
    expect(jobs).toHaveLength(9);
    expect(new Set(jobs.map((job) => job.createdAtMs % 7_000)).size).toBe(1);
  });

  test("stands in the list where it stands in the file", async () => {
    const tables = ["z", "a", "m"].map((name) => `[${name}]\nblueprint = "report"\ninterval_seconds = 60\n`);
    stage = await Stage.start(tables.join(""));
    const { schedules } = await stage.world.done(stage.schedules.list());
    expect(schedules.map(({ name }) => name)).toEqual(["z", "a", "m"]);
  });

  test("takes the zone of the server where it names none", async () => {
    const s = await start('daily_at = "03:00"');
    expect((await s.view()).timezone).toBe("Europe/Berlin");
    await s.world.pass(3 * HOUR_MS, 60_000);
    expect(await s.ran()).toEqual(["02:00:00"]);
  });

  test("is listed with when it is due, what it did last and how that went", async () => {
    const s = await start("interval_seconds = 600");
    const [job] = await s.jobs();
    expect(await s.view()).toMatchObject({
      timing: "every 10 minutes",
      nextDue: "2026-01-01T00:10:00.000Z",
      lastDueMs: Date.UTC(2026, 0, 1),
      lastJobId: job?.id,
      lastJobStatus: "waiting_for_worker",
      isEnabled: true,
      isPaused: false,
      error: undefined,
    });
  });

  test("that is switched off in the file does not run, and says so when it is resumed", async () => {
    const s = await start("interval_seconds = 60", "enabled = false");
    await s.world.pass(5 * MINUTE_MS, 10_000);
    expect(await s.ran()).toEqual([]);
    expect(await s.view()).toMatchObject({ isEnabled: false, nextDue: undefined });
    const refused = await s.world.refused(s.schedules.resume("s"));
    expect(refused).toMatchObject({ code: "SCHEDULE_DISABLED", status: 409 });
    expect(String(refused)).toContain("set enabled = true");
  });

  test.each([
    ["when summer time begins", "2026-03-28T20:00:00Z", ["2026-03-29T01:00", "2026-03-30T00:30"]],
    ["when summer time ends", "2026-10-24T20:00:00Z", ["2026-10-25T00:30", "2026-10-26T01:30"]],
  ])("at a local time runs once a day, also %s", async (_, from, expected) => {
    const s = await start('daily_at = "02:30"');
    s.world.time.shiftWall(Date.parse(from) - s.world.time.nowMs());
    await s.world.pass(30 * HOUR_MS, 30_000);
    const due = (await s.jobs()).map((job) => String(job.client.config["due_at"]).slice(0, 16));
    expect(due).toEqual(expected);
  });

  test("with jitter begins later than it is due, never twice, and at the same moment after a restart", async () => {
    const s = await start("interval_seconds = 60", "jitter_seconds = 50", keptFolder());
    await s.world.pass(20 * MINUTE_MS, 1_000);
    const late = (await s.jobs()).map(
      ({ createdAtMs, client }) => createdAtMs - Date.parse(String(client.config["due_at"])),
    );
    expect(late.length).toBeGreaterThanOrEqual(20);
    expect(Math.max(...late)).toBeLessThanOrEqual(50_000);
    expect(Math.max(...late) - Math.min(...late)).toBeGreaterThan(10_000);
    await s.away(1_000);
    await s.world.pass(10 * MINUTE_MS, 1_000);
    const ran = await s.ran();
    expect(new Set(ran).size).toBe(ran.length);
    expect(ran.length).toBeGreaterThanOrEqual(30);
  });

  test("with a thousand beside it, all due at once, makes a job for each within that second", async () => {
    const tables = Array.from(
      { length: 1_000 },
      (_, index) => `[s${index}]\nblueprint = "report"\ncron = "1 * * * *"\n`,
    );
    stage = await Stage.start(tables.join(""));
    await stage.world.pass(MINUTE_MS + 500, 500);
    const jobs = await stage.world.done(stage.world.storage.jobs.list({ client: "internal-scheduler", limit: 2_000 }));
    expect(jobs).toHaveLength(1_000);
    expect(new Set(jobs.map((job) => job.client.config["source"])).size).toBe(1_000);
  });
});

describe("published bug: a restart forgets schedules and reminders", () => {
  test("after a kill a schedule goes on where it was: no due time is lost, none runs twice", async () => {
    const s = await start("interval_seconds = 600", "", keptFolder());
    await s.world.pass(15 * MINUTE_MS, 30_000);
    for (let count = 0; count < 5; count++) {
      await s.away(2_000);
      await s.world.pass(10 * MINUTE_MS, 30_000);
    }
    const ran = await s.ran();
    expect(ran).toEqual(["00:00:00", "00:10:00", "00:20:00", "00:30:00", "00:40:00", "00:50:00", "01:00:00"]);
  });

  test("a pause is kept, and so is when it ran last", async () => {
    const s = await start("interval_seconds = 600", "", keptFolder());
    await s.world.done(s.schedules.pause("s"));
    await s.away(HOUR_MS);
    await s.world.pass(HOUR_MS, 60_000);
    expect(await s.ran()).toEqual(["00:00:00"]);
    expect(await s.view()).toMatchObject({ isPaused: true, lastDueMs: Date.UTC(2026, 0, 1), nextDue: undefined });
  });

  for (const awayMs of [0, 3 * HOUR_MS, 30 * DAY_MS]) {
    test(`killed between a creation and the note of it, and away for ${awayMs / HOUR_MS} h, it makes no second job`, async () => {
      const s = await start('daily_at = "02:00"', 'missed = "all"', keptFolder());
      s.isHeldUp = true;
      await s.world.pass(HOUR_MS + 500, 30_000);
      expect(await s.ran()).toEqual(["01:00:00"]);

      await s.away(awayMs);
      await s.world.pass(1_000);

      const due = (await s.jobs()).map((job) => job.client.config["due_at"]);
      expect(new Set(due).size).toBe(due.length);
      expect(due).toHaveLength(1 + Math.floor(awayMs / DAY_MS));
      expect((await s.view()).lastDueMs).toBe(Date.parse(String(due.at(-1))));
    });
  }

  test("killed between a creation and the note of it, it knows the job afterwards, also where the time is over", async () => {
    const s = await start('daily_at = "02:00"', 'overlap = "skip"', keptFolder());
    s.isHeldUp = true;
    await s.world.pass(HOUR_MS + 500, 30_000);
    const [job] = await s.jobs();
    await s.away(HOUR_MS);
    expect(await s.view()).toMatchObject({ lastJobId: job?.id, leftOut: undefined });
    await s.world.pass(DAY_MS, MINUTE_MS);
    expect(await s.jobs()).toHaveLength(1);
    expect((await s.view()).leftOut?.reason).toBe("overlap");
  });

  test("no key of a creation is kept once its due time is noted", async () => {
    const s = await start('daily_at = "02:00"');
    await s.world.pass(HOUR_MS + 500, 30_000);
    const key = `s\n1\n${Date.parse("2026-01-01T01:00:00Z")}`;
    expect(s.world.disk.units.map((unit) => unit.idempotency?.key)).toContain(key);
    const { jobs } = s.world.storage;
    expect(await s.world.done(jobs.idempotent("internal-scheduler", key, s.world.time.nowMs()))).toBeUndefined();
  });
});

describe("what was missed while the server was away", () => {
  test.each([
    ["skip", [], "2026-01-02T03:00:00.000Z"],
    ["once", ["03:00:00"], undefined],
    ["all", ["01:00:00", "02:00:00", "03:00:00"], undefined],
  ])("%s", async (missed, expected, leftOutAfter) => {
    const s = await start('cron = "0 * * * *"', `missed = "${missed}"`, keptFolder());
    await s.world.pass(MINUTE_MS, 30_000);
    await s.away(3.5 * HOUR_MS);
    await s.world.pass(MINUTE_MS, 30_000);
    expect(await s.ran()).toEqual(expected);
    expect((await s.view()).leftOut !== undefined).toBe(missed !== "all");
    expect(leftOutAfter === undefined || (await s.view()).leftOut?.dueMs === Date.UTC(2026, 0, 1, 3)).toBe(true);
    await s.world.pass(HOUR_MS, 30_000);
    expect((await s.ran()).at(-1)).toBe("04:00:00");
  });

  test("within the minute it is not missed", async () => {
    const s = await start('cron = "0 * * * *"', 'missed = "skip"', keptFolder());
    await s.world.pass(59 * MINUTE_MS, 30_000);
    await s.away(100_000);
    await s.world.pass(1_000);
    expect(await s.ran()).toEqual(["01:00:00"]);
  });

  test("all of them are a hundred at most, the newest", async () => {
    const s = await start("interval_seconds = 1", 'missed = "all"', keptFolder());
    await s.away(HOUR_MS);
    await s.world.pass(500);
    const ran = await s.ran();
    expect(ran).toHaveLength(101);
    expect([ran[1], ran.at(-1)]).toEqual(["00:58:21", "01:00:00"]);
  });

  test("a machine that slept makes up for it within a second of its waking", async () => {
    const s = await start('cron = "0 * * * *"', 'missed = "once"');
    await s.world.pass(MINUTE_MS, 30_000);
    s.world.time.shiftWall(5 * HOUR_MS);
    await s.world.pass(1_000, 100);
    expect(await s.ran()).toEqual(["05:00:00"]);
  });
});

describe("a wall clock that jumps", () => {
  test("back: nothing runs twice, and it goes on when the time has come again", async () => {
    const s = await start('cron = "*/10 * * * *"');
    await s.world.pass(25 * MINUTE_MS, 30_000);
    s.world.time.shiftWall(-20 * MINUTE_MS);
    await s.world.pass(30 * MINUTE_MS, 30_000);
    expect(await s.ran()).toEqual(["00:10:00", "00:20:00", "00:30:00"]);
  });

  test("a year ahead and back again: it does not stand still for a year", async () => {
    const s = await start('cron = "*/10 * * * *"', "", keptFolder());
    await s.world.pass(15 * MINUTE_MS, 30_000);
    s.world.time.shiftWall(365 * DAY_MS);
    await s.world.pass(10 * MINUTE_MS, 30_000);
    s.world.time.shiftWall(-365 * DAY_MS);
    await s.away(1_000);
    await s.world.pass(10 * MINUTE_MS, 30_000);
    const due = (await s.jobs()).map((job) => String(job.client.config["due_at"]).slice(0, 16));
    expect(due.filter((text) => text.startsWith("2026"))).toEqual(["2026-01-01T00:10", "2026-01-01T00:30"]);
    expect(s.world.warnings()).toContain(
      "The clock was set back far behind the last run of a schedule; it goes on from now.",
    );
  });

  test("to 1970 and right again, as without a battery: what ran before does not run again", async () => {
    const s = await start('cron = "*/10 * * * *"', 'missed = "all"', keptFolder());
    await s.world.pass(15 * MINUTE_MS, 30_000);
    await s.crash();
    const backMs = s.world.time.nowMs() - DAY_MS;
    s.world.time.shiftWall(-backMs);
    await s.restart();
    await s.world.pass(20_000, 1_000);
    s.world.time.shiftWall(backMs);
    await s.world.pass(6 * MINUTE_MS, 30_000);
    expect(await s.ran()).toEqual(["00:10:00", "00:20:00"]);
  });

  test("an interval goes on after one more of its length", async () => {
    const s = await start("interval_seconds = 60");
    await s.world.pass(150_000, 10_000);
    const before = (await s.jobs()).length;
    s.world.time.shiftWall(-10 * HOUR_MS);
    await s.world.pass(125_000, 1_000);
    expect((await s.jobs()).length).toBe(before + 2);
  });
});

describe("overlap", () => {
  test("allow: a job at each due time, whatever the last one does", async () => {
    const s = await start("interval_seconds = 60");
    await s.world.pass(150_000, 10_000);
    expect(await s.jobs()).toHaveLength(3);
  });

  test("skip: while the last run's job is open it is left out and said, and it runs again after its end", async () => {
    const s = await start("interval_seconds = 60", 'overlap = "skip"');
    const [first] = await s.jobs();
    await s.world.pass(150_000, 10_000);
    expect(await s.jobs()).toHaveLength(1);
    expect((await s.view()).leftOut).toEqual({ dueMs: Date.UTC(2026, 0, 1, 0, 2), reason: "overlap" });
    expect(s.world.lines).toContainEqual(
      expect.objectContaining({
        message: "The job of a schedule's last run is still open; this run is left out.",
        fields: expect.objectContaining({ schedule: "s", job: first?.id }),
      }),
    );
    await s.world.done(s.world.engine.jobs.cancel(undefined, first?.id ?? ""));
    await s.world.pass(60_000, 10_000);
    expect(await s.jobs()).toHaveLength(2);
  });
});

describe("operators", () => {
  test("pause and resume: what was due in between is not made up for", async () => {
    const s = await start("interval_seconds = 60", 'missed = "all"');
    await s.world.done(s.schedules.pause("s"));
    await s.world.done(s.schedules.pause("s"));
    await s.world.pass(10 * MINUTE_MS, 10_000);
    expect(await s.jobs()).toHaveLength(1);
    await s.world.done(s.schedules.resume("s"));
    expect((await s.view()).nextDue).toBe("2026-01-01T00:11:00.000Z");
    await s.world.pass(MINUTE_MS, 10_000);
    expect(await s.ran()).toEqual(["00:00:00", "00:11:00"]);
  });

  test("trigger a job beside those that are due, also of a paused schedule; the same key gives the same job", async () => {
    const s = await start('daily_at = "12:00"');
    await s.world.done(s.schedules.pause("s"));
    const one = await s.world.done(s.schedules.trigger("s", "k"));
    expect(await s.world.done(s.schedules.trigger("s", "k"))).toBe(one);
    const two = await s.world.done(s.schedules.trigger("s"));
    expect((await s.jobs()).map((job) => job.id)).toEqual([one, two]);
    expect((await s.jobs())[0]?.client.config).toEqual({ source: "scheduler:s" });
    expect(await s.view()).toMatchObject({ lastJobId: two, lastDueMs: undefined });
  });

  test("are told the nearest name of one that there is not", async () => {
    const s = await start('daily_at = "12:00"');
    for (const call of [() => s.schedules.trigger("t"), () => s.schedules.pause("t"), () => s.schedules.resume("t")]) {
      const refused = await s.world.refused(call());
      expect(refused).toMatchObject({ code: "SCHEDULE_NOT_FOUND", status: 404 });
      expect(String(refused)).toContain('There is no schedule named "t"; did you mean s?');
    }
  });

  test("are told all that there are where none is near", async () => {
    const s = await start('daily_at = "12:00"');
    const refused = await s.world.refused(s.schedules.trigger("quite_another"));
    expect(String(refused)).toContain('There is no schedule named "quite_another"; there are: s.');
  });

  test("a pause that cannot be written is not told as done, and does not hold", async () => {
    const s = await start("interval_seconds = 60", "", keptFolder());
    await s.world.done(s.world.storage.close());
    expect(await s.world.refused(s.schedules.pause("s"))).toMatchObject({ code: "STORE_CLOSED" });
    await s.world.stop();
    await s.restart();
    expect((await s.view()).isPaused).toBe(false);
  });
});

describe("a blueprint that goes away", () => {
  test("shows as an error, is said once, and the schedule goes on when it is back", async () => {
    const s = await start("interval_seconds = 60", 'missed = "all"');
    s.withoutBlueprints.add("report");
    await s.world.pass(150_000, 1_000);
    expect((await s.view()).error).toContain('blueprint = "report" names none that is in service');
    const said = "A schedule is due and cannot run; it is tried again each second.";
    expect(s.world.warnings().filter((message) => message === said)).toHaveLength(1);
    expect(await s.world.refused(s.schedules.trigger("s"))).toMatchObject({ code: "SCHEDULE_CANNOT_RUN", status: 409 });

    s.withoutBlueprints.clear();
    await s.world.pass(1_000, 100);
    expect(await s.ran()).toEqual(["00:00:00", "00:01:00", "00:02:00"]);
    expect((await s.view()).error).toBeUndefined();
  });

  test("for longer than a minute: a due time that may be skipped is left out", async () => {
    const s = await start('cron = "5 * * * *"');
    s.withoutBlueprints.add("report");
    await s.world.pass(10 * MINUTE_MS, 10_000);
    s.withoutBlueprints.clear();
    await s.world.pass(60 * MINUTE_MS, 10_000);
    expect(await s.ran()).toEqual(["01:05:00"]);
  });
});

describe("the file", () => {
  test("at the start: an unknown blueprint ends it, with table, key and the nearest name", async () => {
    let said: unknown;
    try {
      await start("interval_seconds = 60", "").then((s) => s.end());
      stage = undefined;
      await Stage.start('[s]\nblueprint = "reprot"\ninterval_seconds = 60');
    } catch (error) {
      said = error;
    }
    expect(said).toBeInstanceOf(Refusal);
    expect(String(said)).toContain(
      'schedules.toml: [s] blueprint = "reprot" names none that is in service; did you mean report?',
    );
  });

  test("that has changed is read without a restart: new ones begin, those taken out end, others go on", async () => {
    const s = await start("interval_seconds = 60");
    await s.world.pass(30_000, 1_000);
    s.text += '\n[t]\nblueprint = "other"\ninterval_seconds = 10\n';
    await s.world.pass(15_000, 1_000);
    expect(await s.jobs("t")).toHaveLength(2);
    expect(await s.jobs()).toHaveLength(1);
    s.text = '[t]\nblueprint = "other"\ninterval_seconds = 10\n';
    await s.world.pass(60_000, 1_000);
    expect(await s.jobs()).toHaveLength(1);
    expect(await s.jobs("t")).toHaveLength(8);
  });

  test("that is broken, or gone, or names an unknown blueprint, is refused: what was good goes on, and the list says why", async () => {
    const s = await start("interval_seconds = 10");
    for (const text of ["[s", undefined, '[s]\nblueprint = "nothing"\ninterval_seconds = 10']) {
      const before = (await s.jobs()).length;
      s.text = text;
      await s.world.pass(20_000, 1_000);
      expect((await s.jobs()).length).toBe(before + 2);
      expect((await s.world.done(s.schedules.list())).problem).toStartWith("schedules.toml");
    }
    const said = "The schedules could not be read again; they go on as they were.";
    expect(s.world.warnings().filter((message) => message === said)).toHaveLength(3);
    s.text = '[s]\nblueprint = "report"\ninterval_seconds = 10';
    await s.world.pass(2_000, 1_000);
    expect((await s.world.done(s.schedules.list())).problem).toBeUndefined();
  });

  test("is read at once when an operator asks, who is told what is wrong with it", async () => {
    const s = await start("interval_seconds = 3600");
    s.text += '\n[t]\nblueprint = "other"\ninterval_seconds = 3600\n';
    expect(await s.world.done(s.schedules.reload())).toBe(true);
    await s.world.pass(10);
    expect(await s.jobs("t")).toHaveLength(1);
    s.text = "[s";
    expect(await s.world.refused(s.schedules.reload())).toMatchObject({ code: "WRONG_SCHEDULE" });
    expect((await s.world.done(s.schedules.list())).schedules).toHaveLength(2);
  });

  test("that names a blueprint too early is taken once it is there", async () => {
    const s = await start("interval_seconds = 3600");
    s.withoutBlueprints.add("other");
    s.text += '\n[t]\nblueprint = "other"\ninterval_seconds = 3600\n';
    await s.world.pass(5_000, 1_000);
    expect(await s.jobs("t")).toHaveLength(0);
    s.withoutBlueprints.clear();
    await s.world.pass(2_000, 1_000);
    expect(await s.jobs("t")).toHaveLength(1);
  });

  test("with another timing the schedule begins anew; with another input it goes on", async () => {
    const s = await start("interval_seconds = 60");
    await s.world.pass(90_000, 1_000);
    s.text = '[s]\nblueprint = "report"\ninterval_seconds = 60\ninput_data = { x = 1 }';
    await s.world.pass(20_000, 1_000);
    expect(await s.ran()).toEqual(["00:00:00", "00:01:00"]);
    s.text = '[s]\nblueprint = "report"\ninterval_seconds = 45\ninput_data = { x = 2 }';
    await s.world.pass(50_000, 1_000);
    const jobs = await s.jobs();
    expect(jobs.map((job) => job.initialData)).toEqual(["{}", "{}", '{"x":2}', '{"x":2}']);
    expect((jobs[3]?.createdAtMs ?? 0) - (jobs[2]?.createdAtMs ?? 0)).toBeLessThanOrEqual(45_000);
  });

  test("without a schedule that was paused, and with it again later: it is paused still, and nothing was missed", async () => {
    const s = await start("interval_seconds = 60", 'missed = "all"', keptFolder());
    const text = s.text;
    await s.world.done(s.schedules.pause("s"));
    s.text = "";
    await s.away(HOUR_MS);
    s.text = text;
    await s.away(HOUR_MS);
    expect((await s.view()).isPaused).toBe(true);
    await s.world.done(s.schedules.resume("s"));
    await s.world.pass(MINUTE_MS, 10_000);
    expect(await s.jobs()).toHaveLength(2);
  });
});
