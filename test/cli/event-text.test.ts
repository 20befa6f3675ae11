import { describe, expect, test } from "bun:test";
import { createEventTeller, type ToldEvent } from "../../src/cli/event-text.ts";
import { eventFacts } from "../../src/job/event-facts.ts";
import type { JsonMap } from "../../src/system/errors.ts";
import { createTaskIds } from "../../src/job/task-id.ts";

const ids = createTaskIds(new Uint8Array(32));
const taskId = (attempt: number, sequence: number) =>
  ids.sign({ slot: 0, visit: 1, attempt }, 1, sequence, "job", "worker");

function told(type: string, snapshot: JsonMap, attempt?: number): ToldEvent {
  return { type, attempt, facts: eventFacts(type, snapshot) };
}

describe("what is told of an event", () => {
  test.each<[string, string, JsonMap, string, string]>([
    [
      "an attempt that failed, with its reason",
      "task_finished",
      { result: { status: "failure", error: { code: "TRANSIENT_ERROR", message: "no answer" } } },
      "task_failed",
      "attempt 2: TRANSIENT_ERROR: no answer",
    ],
    [
      "an attempt that failed in the older spelling",
      "task_finished",
      { result: { status: "failure", error: "no answer", error_type: "TRANSIENT_ERROR" } },
      "task_failed",
      "attempt 2: TRANSIENT_ERROR: no answer",
    ],
    ["a cancelled attempt as one", "task_finished", { result: { status: "cancelled" } }, "task_cancelled", "attempt 2"],
    [
      "an outcome of the blueprint's own by its name",
      "task_finished",
      { result: { status: "needs_review" } },
      "task_finished",
      "attempt 2: needs_review",
    ],
    ["nothing of a success", "task_finished", { result: { status: "success", data: { a: 1 } } }, "task_finished", ""],
    ["a handler's error", "state_failed", { error_message: "x is not defined" }, "state_failed", "x is not defined"],
    [
      "until when it waits to begin",
      "job_waiting",
      { wait: { kind: "start", until: "2030-01-01T00:00:00.000Z" } },
      "job_waiting",
      "for its time, until 2030-01-01T00:00:00.000Z",
    ],
    ["that it waits for its turn", "job_waiting", { wait: { kind: "turn", max: 1 } }, "job_waiting", "for its turn"],
    [
      "a migration with both versions",
      "job_migrated",
      { migration: { from: "0123456789abcdef", to: "fedcba9876543210", states: {} } },
      "job_migrated",
      "version 0123456789ab to fedcba987654",
    ],
    ["a cancelled job as one", "job_failed", { status: "cancelled" }, "job_cancelled", ""],
    ["a quarantined job as one", "job_failed", { status: "quarantined" }, "job_quarantined", ""],
    ["a failed job with its error", "job_failed", { status: "failed", error_message: "no" }, "job_failed", "no"],
    [
      "progress with its percentage",
      "progress",
      { state_history: { progress_updates: [{ progress: 0.1 }, { progress: 0.5, message: "half way" }] } },
      "progress",
      "50 %  half way",
    ],
    ["progress without a number", "progress", {}, "progress", ""],
  ])("%s", (_, type, snapshot, name, details) => {
    expect(createEventTeller().tell(told(type, snapshot, 2))).toEqual({ name, details });
  });

  describe("of one of several tasks", () => {
    const sent = (slot: number) => ids.sign({ slot, visit: 1, attempt: 1 }, 1, slot, "job", "worker");
    const teller = createEventTeller();
    const tell = (type: string, snapshot: JsonMap) => teller.tell(told(type, snapshot, 1)).details;
    const dispatch = (slot: number) =>
      tell("task_dispatched", { task_info: { task_id: sent(slot), type: "mail", branch: slot + 1, branches: 3 } });

    test("says which, when it is sent, in its progress and when it ends", () => {
      expect([dispatch(0), dispatch(1), dispatch(2)]).toEqual(["mail 1 of 3", "mail 2 of 3", "mail 3 of 3"]);
      expect(tell("task_finished", { task_id: sent(0), result: { status: "success" } })).toBe("mail 1 of 3: success");
      expect(teller.branches.nameOf(sent(1))).toBe("mail 2 of 3");
      const progress_updates = [{ progress: 0.5, message: "half way" }];
      expect(tell("progress", { task_id: sent(1), state_history: { progress_updates } })).toBe(
        "50 %  mail 2 of 3  half way",
      );
      teller.branches.progressed(sent(1), 50);
      expect(teller.branches.overall()).toEqual({ percent: 50, done: 1, of: 3 });
      const error = { code: "PERMANENT_ERROR", message: "no such address" };
      expect(tell("task_finished", { task_id: sent(1), result: { status: "failure", error } })).toBe(
        "mail 2 of 3, attempt 1: PERMANENT_ERROR: no such address",
      );
      expect(tell("tasks_withdrawn", { withdrawn: { count: 1, branches: [3], of: 3 } })).toBe(
        "number 3 of 3: the job goes on without",
      );
      tell("state_finished", {});
      expect(teller.branches.overall()).toBeUndefined();
    });
  });

  test("a task that goes out again as the same attempt was handed back", () => {
    const teller = createEventTeller();
    const dispatch = (attempt: number, sequence: number) => {
      const info = { task_id: taskId(attempt, sequence), type: "shrink" };
      return teller.tell(told("task_dispatched", { task_info: info }, attempt)).details;
    };
    expect(dispatch(1, 1)).toBe("shrink");
    expect(dispatch(1, 2)).toContain("handed back");
    expect(dispatch(2, 3)).toBe("shrink, attempt 2");
  });
});
