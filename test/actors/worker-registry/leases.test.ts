import { describe, expect, test } from "bun:test";
import { type Lease, Leases } from "../../../actors/worker-registry/leases.ts";

function lease(taskId: string, more: Partial<Lease> = {}, jobId = taskId): Lease {
  const handOut = { visit: 1, slot: 0, attempt: 1, taskId, workerId: "w", atMs: 0 };
  return {
    task: { jobId, visit: 1, slot: 0, order: {} } as Lease["task"],
    handOut,
    session: undefined,
    poller: undefined,
    sinceMs: 0,
    deadlineMs: undefined,
    lostAtMs: undefined,
    lossReason: "worker_lost",
    recorded: false,
    isReported: false,
    reportedAtMs: 0,
    vouchedAtMs: undefined,
    unreported: 0,
    dropped: false,
    tellAgainMs: undefined,
    cancelled: false,
    ...more,
  };
}

describe("leases", () => {
  test("are counted by session, over moves and ends", () => {
    const leases = new Leases();
    const one = lease("1", { session: "a" });
    leases.add(one);
    leases.add(lease("2", { session: "a" }));
    leases.take(one, { session: "b" });
    expect([leases.countIn("a"), leases.countIn("b"), leases.size]).toEqual([1, 1, 2]);

    leases.remove("1");
    leases.remove("1");

    expect([leases.countIn("a"), leases.countIn("b"), leases.size]).toEqual([1, 0, 1]);
    expect(leases.inSession("a").map((held) => held.handOut.taskId)).toEqual(["2"]);
  });

  test("of one hand-out count once, also when it is taken up again", () => {
    const leases = new Leases();
    leases.add(lease("1", { session: "a", dropped: true }));
    leases.add(lease("1"));
    expect([leases.countIn("a"), leases.size]).toEqual([0, 1]);
    leases.remove("1");

    expect([leases.countIn("a"), leases.size]).toEqual([0, 0]);
  });

  test("of one task are found by the newest, also after the older one has ended", () => {
    const leases = new Leases();
    leases.add(lease("old", {}, "job"));
    leases.add(lease("new", {}, "job"));
    leases.remove("old");
    expect(leases.newestOf({ jobId: "job", visit: 1, slot: 0 })?.handOut.taskId).toBe("new");
    leases.remove("new");

    expect(leases.newestOf({ jobId: "job", visit: 1, slot: 0 })).toBeUndefined();
  });

  test("are over at their deadline or when their worker is lost, and no moment before", () => {
    const leases = new Leases();
    leases.add(lease("late", { deadlineMs: 10 }));
    leases.add(lease("lost", { lostAtMs: 20, lossReason: "handed_back" }));
    leases.add(lease("both", { deadlineMs: 30, lostAtMs: 30 }));
    leases.add(lease("free"));
    const over = (nowMs: number) => leases.over(nowMs).map(({ lease: one, reason }) => [one.handOut.taskId, reason]);

    expect(over(9)).toEqual([]);
    expect(over(10)).toEqual([["late", "timeout"]]);
    expect(over(30)).toEqual([
      ["late", "timeout"],
      ["lost", "handed_back"],
      ["both", "timeout"],
    ]);
  });

  test("that are not on disk yet are found once they are old enough", () => {
    const leases = new Leases();
    leases.add(lease("young", { sinceMs: 100 }));
    leases.add(lease("old", { sinceMs: 50 }));
    leases.add(lease("written", { recorded: true }));

    expect(leases.unrecorded(50).map((one) => one.handOut.taskId)).toEqual(["old"]);
  });
});
