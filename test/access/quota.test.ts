import { describe, expect, test } from "bun:test";
import { monthAt } from "../../src/access/month.ts";
import { createQuota, type QuotaCounts } from "../../src/access/quota.ts";
import type { UsedAttempts } from "../../src/storage/port.ts";
import { capturedLog } from "../support/captured-log.ts";
import { ManualTime } from "../support/manual-time.ts";

const NOON = Date.UTC(2026, 10, 25, 12);

function createWorld(counts: QuotaCounts = "requests", startMs = NOON, timeZone = "UTC") {
  const time = new ManualTime(startMs);
  const { log, lines } = capturedLog();
  const stored = new Map<string, UsedAttempts>();
  const disk = { isFull: false, writes: 0 };
  const registers = {
    attempts: async () => new Map(stored),
    async saveAttempts(used: ReadonlyMap<string, UsedAttempts>) {
      if (disk.isFull) throw new Error("no space");
      disk.writes += 1;
      for (const [client, count] of used) stored.set(client, count);
    },
  };
  const start = async () => {
    const quota = createQuota({ system: { clock: time, timers: time, log }, registers, counts, timeZone });
    await quota.start();
    return quota;
  };
  return { time, lines, stored, disk, start };
}

describe("a month", () => {
  test.each([
    ["UTC", Date.UTC(2026, 10, 25), "2026-11", Date.UTC(2026, 11, 1)],
    ["UTC", Date.UTC(2026, 11, 31, 23, 59), "2026-12", Date.UTC(2027, 0, 1)],
    ["UTC", Date.UTC(2028, 1, 29), "2028-02", Date.UTC(2028, 2, 1)],
    ["Europe/Berlin", Date.UTC(2026, 9, 31, 22, 59), "2026-10", Date.UTC(2026, 9, 31, 23)],
    ["Europe/Berlin", Date.UTC(2026, 9, 31, 23), "2026-11", Date.UTC(2026, 10, 30, 23)],
    ["Pacific/Kiritimati", Date.UTC(2026, 9, 31, 10), "2026-11", Date.UTC(2026, 10, 30, 10)],
    ["Pacific/Pago_Pago", Date.UTC(2026, 10, 1, 10, 59), "2026-10", Date.UTC(2026, 10, 1, 11)],
  ])("in %s at %d is %s and ends when the clocks there say so", (zone, ms, name, endMs) => {
    expect(monthAt(ms, zone)).toEqual({ name, endMs });
  });
});

describe("a quota", () => {
  test("takes an attempt for each request, and at zero says when there are more", async () => {
    const quota = await createWorld().start();
    const attempts = quota.of("acme", 2);
    attempts.request();
    expect(attempts.remaining).toBe(1);
    attempts.request();
    expect(() => attempts.request()).toThrow(
      expect.objectContaining({
        code: "QUOTA_EXCEEDED",
        status: 429,
        message: expect.stringContaining("Quota exceeded"),
        retryAfterSeconds: 5.5 * 24 * 3600,
        details: { limit: 2, remaining: 0, needed: 1, resets_at: "2026-12-01T00:00:00.000Z" },
      }),
    );
    expect([attempts.remaining, quota.used("acme"), quota.used("other")]).toEqual([0, 2, 0]);
  });

  test("counts a batch of five as five, all or none", async () => {
    const attempts = (await createWorld().start()).of("acme", 6);
    attempts.request();
    attempts.create(5);
    expect(attempts.remaining).toBe(1);
    attempts.request();
    const other = (await createWorld().start()).of("acme", 4);
    other.request();
    expect(() => other.create(5)).toThrow("This needs 4 attempts, 3 are left");
    expect(other.remaining).toBe(3);
  });

  test("counts creations alone where it is set so, and takes back what was not made", async () => {
    const attempts = (await createWorld("creations").start()).of("acme", 3);
    for (let request = 0; request < 10; request++) attempts.request();
    expect(attempts.remaining).toBe(3);
    const giveBack = attempts.create(3);
    expect(() => attempts.create(1)).toThrow("No attempt is left");
    giveBack();
    expect(attempts.remaining).toBe(3);
  });

  test("begins anew with the month of the server's zone", async () => {
    const world = createWorld("requests", Date.UTC(2026, 9, 31, 22, 59, 59), "Europe/Berlin");
    const attempts = (await world.start()).of("acme", 1);
    attempts.request();
    expect(() => attempts.request()).toThrow("Quota exceeded");
    world.time.shiftWall(1000);
    attempts.request();
    expect(attempts.remaining).toBe(0);
  });

  test("gives nothing back into the next month", async () => {
    const world = createWorld("creations", Date.UTC(2026, 10, 30, 23, 59, 59));
    const attempts = (await world.start()).of("acme", 2);
    const giveBack = attempts.create(1);
    world.time.shiftWall(1000);
    attempts.create(1);
    giveBack();
    expect(attempts.remaining).toBe(1);
  });

  test("is written once a second however many ask, and outlives a restart", async () => {
    const world = createWorld();
    const attempts = (await world.start()).of("acme", 10_000);
    for (let request = 0; request < 1000; request++) attempts.request();
    expect(world.disk.writes).toBe(0);
    await world.time.advance(1000);
    expect([world.disk.writes, world.stored.get("acme")]).toEqual([1, { month: "2026-11", count: 1000 }]);
    await world.time.advance(60_000);
    expect(world.disk.writes).toBe(1);
    expect((await world.start()).of("acme", 10_000).remaining).toBe(9000);
  });

  test("of a zone that there is not stops the start", async () => {
    const start = createWorld("requests", NOON, "Mars/Phobos").start();
    await expect(start).rejects.toThrow('TZ is "Mars/Phobos": it has to be the name of a time zone');
  });

  test("is written at the stop", async () => {
    const world = createWorld();
    const quota = await world.start();
    quota.of("acme", 10).request();
    await quota.stop();
    await quota.stop();
    expect(world.stored.get("acme")).toEqual({ month: "2026-11", count: 1 });
  });

  test("is counted on while the disk is full, and written once it is not", async () => {
    const world = createWorld();
    const attempts = (await world.start()).of("acme", 10);
    world.disk.isFull = true;
    attempts.request();
    await world.time.advance(1000);
    expect(world.lines.map(({ message }) => message).join()).toContain("it is tried again");
    world.disk.isFull = false;
    await world.time.advance(1000);
    expect(world.stored.get("acme")?.count).toBe(1);
  });
});
