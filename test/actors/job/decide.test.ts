import { describe, expect, test } from "bun:test";
import { decide as decideInto, type UserMessage } from "../../../actors/job/decide.ts";
import { Draft, type JobRules, type JobState, stateOf } from "../../../actors/job/draft.ts";
import { applyTurn } from "../../../actors/job/turn.ts";
import { wakeAtMs } from "../../../actors/job/wake.ts";
import type { Ending, TurnReply } from "../../../src/handlers/port.ts";
import type { Job, TaskOrder, TaskWait } from "../../../src/job/model.ts";
import type { WorkerResult } from "../../../src/protocol/worker.ts";
import type { Reply } from "../../../src/runtime/types.ts";

const NOW_MS = 1_000_000;
const MOMENT = { nowMs: NOW_MS, atMs: NOW_MS };

/** Task ids of the form slot/visit/attempt/worker: whose job they are for is not in question here. */
const rules: JobRules = {
  handlerRuns: 4,
  handlerBackoffMs: 100,
  cancelGraceMs: 10_000,
  chance: () => 1,
  eventId: () => "event",
  gate: () => undefined,
  child: () => ({ code: "BLUEPRINT_NOT_FOUND", message: "there is none" }),
  verify(taskId, _jobId, workerId) {
    const [slot, visit, attempt, worker] = taskId.split("/");
    return worker === workerId
      ? { slot: Number(slot), visit: Number(visit), attempt: Number(attempt), epoch: 1, sequence: 1 }
      : undefined;
  },
};

const order = (more: Partial<TaskOrder> = {}): TaskOrder => ({
  type: "t",
  params: "{}",
  transitions: { success: "good", failure: "bad", cancelled: "stopped" },
  strategy: "default",
  priority: 0,
  retry: { maxAttempts: 2, backoffMs: 1_000, factor: 2, maxBackoffMs: 60_000 },
  ...more,
});

const wait = (more: Partial<TaskWait> = {}): TaskWait => ({
  slot: 0,
  order: order(),
  attempt: 1,
  queuedAtMs: NOW_MS - 5_000,
  ...more,
});

const job = (more: Partial<Job> = {}): Job => ({
  id: "job",
  version: 3,
  client: { id: "c", config: {} },
  blueprint: "b",
  hash: "h",
  status: "waiting_for_worker",
  state: "start",
  visit: 1,
  enteredAtMs: 0,
  createdAtMs: 0,
  updatedAtMs: 0,
  initialData: "{}",
  stateHistory: "{}",
  steps: 0,
  task: wait(),
  ...more,
});

const answers: unknown[] = [];
const reply: Reply<never> = { ok: (answer) => void answers.push(answer), fail: (error) => void answers.push(error) };

const result = (taskId: string, status = "success", more: Partial<WorkerResult> = {}): UserMessage => ({
  type: "result",
  result: { jobId: "job", taskId, workerId: "w", status, raw: `{"status":"${status}"}`, ...more },
  reply: reply as Reply<never>,
});

const failure = (taskId: string, code: string) => result(taskId, "failure", { error: { code, message: "why" } });
const handOut = (taskId: string, attempt = 1, slot = 0) => ({
  visit: 1,
  slot,
  attempt,
  taskId,
  workerId: "w",
  atMs: NOW_MS,
});

function decide(state: JobState, messages: readonly UserMessage[], moment: typeof MOMENT, of: JobRules) {
  const draft = new Draft(state, state.job, moment, of);
  return { draft, taken: decideInto(draft, messages) };
}

function on(state: Partial<Job> | JobState, ...messages: UserMessage[]): Draft {
  const whole = "branches" in state ? state : stateOf(job(state));
  return decide(whole, messages, MOMENT, rules).draft;
}

/** What a draft tells those who asked, and what it does besides. */
const said = (draft: Draft) => draft.after.flatMap((after) => (after.type === "answer-result" ? [after.answer] : []));
const does = (draft: Draft) => draft.after.map((after) => after.type);

describe("a job that has not begun", () => {
  const gate = { sinceMs: 5, visit: 1, max: 1 };
  const pending: Partial<Job> = { status: "pending", task: undefined, handler: { failures: 0 } };
  const gated: JobRules = { ...rules, gate: () => gate };
  const onGate = (state: Partial<Job>, ...messages: UserMessage[]) =>
    decide(stateOf(job(state)), messages, MOMENT, gated).draft;
  const later = { ...pending, startAtMs: NOW_MS + 9_000, handler: { failures: 0, notBeforeMs: NOW_MS + 9_000 } };

  test("and has nothing to wait for runs its first handler", () => {
    expect(on(pending, { type: "recover" }).needsTurn).toBeTrue();
  });

  test("waits for its time, whatever wakes it", () => {
    for (const type of ["recover", "wake"] as const) {
      const draft = on(later, { type });
      expect([draft.needsTurn, draft.changed]).toEqual([false, false]);
    }
  });

  test("is looked at again at the time that the wall clock says", () => {
    const draft = on({ ...later, handler: { failures: 0, notBeforeMs: NOW_MS - 1 } }, { type: "wake" });
    expect([draft.needsTurn, draft.job.handler?.notBeforeMs]).toEqual([false, NOW_MS + 9_000]);
  });

  test("begins when its time has come, or comes to the gate then", () => {
    const due = { ...pending, startAtMs: NOW_MS, handler: { failures: 0, notBeforeMs: NOW_MS } };
    expect(on(due, { type: "wake" }).needsTurn).toBeTrue();
    const draft = onGate(due, { type: "wake" });
    expect([draft.needsTurn, draft.job.gate, draft.job.handler]).toEqual([false, gate, { failures: 0 }]);
    expect(does(draft)).toEqual(["arrive-at-gate"]);
  });

  test("says again that it waits at the gate, and writes nothing", () => {
    for (const type of ["recover", "wake"] as const) {
      const draft = onGate({ ...pending, gate }, { type });
      expect([draft.needsTurn, draft.changed, does(draft)]).toEqual([false, false, ["arrive-at-gate"]]);
    }
  });

  test("that is let in writes it down before its handler runs", () => {
    const draft = onGate({ ...pending, gate }, { type: "admitted", visit: 1 });
    expect(draft.job).toMatchObject({ status: "running", gate: { sinceMs: 5, max: 1, isIn: true } });
    expect([draft.needsTurn, does(draft)]).toEqual([false, ["continue", "enter-gate"]]);
  });

  test("that is let in runs no handler in the same unit, whatever else comes", () => {
    for (const type of ["recover", "wake"] as const) {
      const draft = onGate({ ...pending, gate }, { type: "admitted", visit: 1 }, { type });
      expect([draft.needsTurn, draft.job.gate?.isIn]).toEqual([false, true]);
      expect(does(draft)).toContain("continue");
    }
  });

  test("that was let in, was over before it heard of it, and is retried in the same unit, waits for its new turn", () => {
    const { draft } = decide(
      stateOf(job({ ...pending, status: "failed", gate, failedIn: "start" })),
      [
        { type: "retry", reply: { ok: () => undefined, fail: () => undefined } },
        { type: "admitted", visit: 1 },
      ],
      MOMENT,
      { ...rules, gate: ({ visit }) => ({ ...gate, visit }) },
    );
    expect(draft.job).toMatchObject({ status: "pending", gate: { visit: 2 } });
    expect(draft.job.gate?.isIn).toBeUndefined();
    expect(does(draft)).toEqual(["arrive-at-gate", "answer-done"]);
  });

  test("that is let in twice is in once", () => {
    const draft = onGate(
      { status: "running", handler: { failures: 0 }, task: undefined, gate: { ...gate, isIn: true } },
      {
        type: "admitted",
        visit: 1,
      },
    );
    expect([draft.changed, does(draft)]).toEqual([false, ["enter-gate"]]);
  });

  test("and is over gives back what it is let into", () => {
    const draft = onGate({ ...pending, status: "cancelled", gate }, { type: "admitted", visit: 1 });
    expect([draft.changed, does(draft)]).toEqual([false, ["leave-gate"]]);
  });

  test("leaves the gate in the unit that ends it", () => {
    const draft = onGate({ ...pending, gate, deadlineAtMs: NOW_MS }, { type: "wake" });
    expect([draft.job.status, does(draft)]).toEqual(["failed", ["leave-gate"]]);
  });

  test("wakes for its start and for its deadline, and not at the gate", () => {
    expect(wakeAtMs(job(later), [], 0)).toBe(NOW_MS + 9_000);
    expect(wakeAtMs(job({ ...later, deadlineAtMs: NOW_MS + 1 }), [], 0)).toBe(NOW_MS + 1);
    expect(wakeAtMs(job({ ...pending, gate }), [], 0)).toBeUndefined();
  });
});

describe("a retry of a job with a gate", () => {
  test("comes to the gate anew, and no longer in the place of those who waited for it", () => {
    const seen: (readonly string[] | undefined)[] = [];
    const gated: JobRules = {
      ...rules,
      gate: ({ within }) => {
        seen.push(within);
        return { sinceMs: 5 };
      },
    };
    const ended = job({ status: "failed", task: undefined, within: ["x"], gate: { sinceMs: 1, isIn: true } });
    const { draft } = decide(stateOf(ended), [{ type: "retry", reply: reply as Reply<never> }], MOMENT, gated);
    expect(seen).toEqual([undefined]);
    expect(draft.job).toMatchObject({ status: "pending", gate: { sinceMs: 5 }, handler: { failures: 0 } });
    expect([draft.needsTurn, does(draft)]).toEqual([false, ["arrive-at-gate", "answer-done"]]);
  });
});

describe("a result", () => {
  for (const [name, state, message, expected] of [
    ["of the open wait moves the job", {}, result("0/1/1/w"), { state: "good", status: "running", visit: 2 }],
    ["of another slot changes nothing", {}, result("1/1/1/w"), { state: "start", visit: 1 }],
    ["of an earlier visit changes nothing", { visit: 2 }, result("0/1/1/w"), { state: "start" }],
    ["of an earlier attempt changes nothing", { task: wait({ attempt: 2 }) }, result("0/1/1/w"), { state: "start" }],
    ["of another worker changes nothing", {}, result("0/1/1/other"), { state: "start" }],
    [
      "after the end changes nothing",
      { status: "finished", task: undefined },
      result("0/1/1/w"),
      { status: "finished" },
    ],
    [
      "after a cancel counts as cancelled",
      { cancelRequestedAtMs: 1 },
      result("0/1/1/w"),
      { state: "stopped", endsAs: "cancelled" },
    ],
    [
      "of a word of the blueprint's leads there",
      { task: wait({ order: order({ transitions: { odd: "x" } }) }) },
      result("0/1/1/w", "odd"),
      { state: "x" },
    ],
    [
      "with a word that nobody knows fails the job",
      {},
      result("0/1/1/w", "odd"),
      { status: "failed", error: { code: "UNHANDLED_STATUS" } },
    ],
    ["with the status constructor fails the job", {}, result("0/1/1/w", "constructor"), { status: "failed" }],
    [
      "cancelled by the worker leads to the cancelled state",
      {},
      result("0/1/1/w", "cancelled"),
      { state: "stopped", endsAs: "cancelled" },
    ],
    [
      "with a transient error waits for its next attempt",
      {},
      failure("0/1/1/w", "TRANSIENT_ERROR"),
      { status: "awaiting_retry", task: { attempt: 2, notBeforeMs: NOW_MS + 1_000, delivery: undefined } },
    ],
    [
      "with the last transient error quarantines",
      { task: wait({ attempt: 2 }) },
      failure("0/1/2/w", "TRANSIENT_ERROR"),
      { state: "bad", endsAs: "quarantined" },
    ],
    [
      "with a permanent error quarantines at once",
      {},
      failure("0/1/1/w", "PERMANENT_ERROR"),
      { state: "bad", endsAs: "quarantined" },
    ],
    [
      "with an invalid input fails at once",
      {},
      failure("0/1/1/w", "INVALID_INPUT_ERROR"),
      { state: "bad", endsAs: "failed" },
    ],
    [
      "with a permanent error and no failure state stops where it is",
      { task: wait({ order: order({ transitions: {} }) }) },
      failure("0/1/1/w", "PERMANENT_ERROR"),
      { state: "start", status: "quarantined" },
    ],
  ] as const) {
    test(name, () => expect(on(state as Partial<Job>, message).job).toMatchObject(expected as object));
  }

  for (const [name, state, message, reason] of [
    [
      "replaced",
      { task: wait({ delivery: { taskId: "new", workerId: "v", atMs: 0 } }) },
      result("0/1/1/w"),
      "stale_task",
    ],
    [
      "of another worker's hand-out",
      { task: wait({ delivery: { taskId: "0/1/1/v", workerId: "v", atMs: 0 } }) },
      result("0/1/1/v"),
      "worker_mismatch",
    ],
    ["after a cancelled end", { status: "cancelled", task: undefined }, result("0/1/1/w"), "job_cancelled"],
    ["after another end", { status: "failed", task: undefined }, result("0/1/1/w"), "job_already_terminated"],
  ] as const) {
    test(`that does not count says why: ${name}`, () => {
      const draft = on(state as Partial<Job>, message);
      expect(said(draft)).toMatchObject([{ status: "ignored", reason }]);
      expect(draft.changed).toBe(false);
    });
  }

  test("takes no further message before its handler has run", () => {
    const state = stateOf(job());
    const { draft, taken } = decide(state, [result("0/1/1/w"), result("0/1/1/w")], MOMENT, rules);

    expect([draft.needsTurn, taken]).toEqual([true, 1]);
    expect(state.job.state).toBe("start");
  });
});

function branching(done: readonly number[] = []): JobState {
  const into = order({ transitions: { success: "join", failure: "bad", other: "elsewhere" } });
  const parallel = { into: "join", total: 3, open: 3 - done.length };
  return stateOf(
    job({ status: "waiting_for_parallel", task: undefined, parallel }),
    [0, 1, 2].map((slot) => ({
      slot,
      wait: wait({ slot, order: into }),
      ...(done.includes(slot) && { result: { taskId: `${slot}/1/1/w`, json: `{"n":${slot}}` } }),
    })),
  );
}

describe("branches", () => {
  test("that end well leave the job where it is until the last of them", () => {
    const draft = on(branching(), result("0/1/1/w"), result("2/1/1/w"));

    expect(draft.job).toMatchObject({ status: "waiting_for_parallel", parallel: { open: 1 } });
    expect([...draft.branchWrites.keys()]).toEqual([0, 2]);
  });

  test("bring the aggregator all results with the last one", () => {
    const draft = on(branching([0, 2]), result("1/1/1/w"));

    expect(draft.job).toMatchObject({ state: "join", parallel: undefined });
    expect(Object.keys(JSON.parse(draft.job.aggregation ?? "{}"))).toEqual(["0/1/1/w", "1/1/1/w", "2/1/1/w"]);
    expect([draft.needsTurn, draft.dropsBranches]).toEqual([true, true]);
  });

  test("close all together when one of them fails, or leads elsewhere", () => {
    const failed = on(branching([0]), failure("1/1/1/w", "PERMANENT_ERROR"));
    expect(failed.job).toMatchObject({ state: "bad", endsAs: "quarantined" });
    expect(does(failed).filter((type) => type === "drop-task")).toHaveLength(2);

    expect(on(branching(), result("1/1/1/w", "other")).job.state).toBe("elsewhere");
  });

  test("count each result once", () => {
    const draft = on(branching(), result("0/1/1/w"), result("0/1/1/w"));

    expect(draft.job.parallel?.open).toBe(2);
    expect(said(draft)).toMatchObject([
      { status: "parallel_branch_result_accepted" },
      { status: "ignored", reason: "stale_task" },
    ]);
  });

  test("are tried again one by one while the job waits for the others", () => {
    const draft = on(branching(), failure("1/1/1/w", "TRANSIENT_ERROR"));

    expect(draft.job.status).toBe("waiting_for_parallel");
    expect(draft.openWait(1)).toMatchObject({ attempt: 2 });
    expect(draft.openWait(0)).toMatchObject({ attempt: 1 });
  });
});

describe("a lost task", () => {
  for (const [name, reason, state, expected] of [
    ["by timeout burns an attempt", "timeout", {}, { task: { attempt: 2, lastError: { code: "TIMEOUT_ERROR" } } }],
    [
      "with its worker burns an attempt",
      "worker_lost",
      {},
      { task: { attempt: 2, lastError: { code: "WORKER_LOST" } } },
    ],
    ["that was handed back burns none", "handed_back", {}, { status: "waiting_for_worker", task: { attempt: 1 } }],
    ["under a cancel ends it", "handed_back", { cancelRequestedAtMs: 1 }, { state: "stopped" }],
    [
      "that was replaced changes nothing",
      "timeout",
      { task: wait({ delivery: { taskId: "new", workerId: "v", atMs: 0 } }) },
      { task: { attempt: 1 } },
    ],
    [
      "of an earlier attempt changes nothing",
      "timeout",
      { task: wait({ attempt: 2 }) },
      { status: "waiting_for_worker", task: { attempt: 2 } },
    ],
  ] as const) {
    test(name, () => {
      const draft = on(state as Partial<Job>, { type: "lost", handOut: handOut("0/1/1/w"), reason });
      expect(draft.job).toMatchObject(expected as object);
    });
  }
});

describe("a hand-out that is to be written down first", () => {
  for (const [name, state, accepted] of [
    ["of an open wait", {}, true],
    ["that replaces another", { task: wait({ delivery: { taskId: "old", workerId: "v", atMs: 0 } }) }, true],
    ["of an earlier attempt", { task: wait({ attempt: 2 }) }, false],
    ["of a cancelled job", { cancelRequestedAtMs: 1 }, false],
    ["of a job that has ended", { status: "finished", task: undefined }, false],
  ] as const) {
    test(`is ${accepted ? "accepted" : "refused"}: ${name}`, () => {
      const draft = on(state as Partial<Job>, {
        type: "hand-out",
        handOut: handOut("0/1/1/w"),
        reply: reply as Reply<never>,
      });
      expect(draft.after[0]).toMatchObject({ type: "answer-hand-out", accepted });
    });
  }
});

describe("a claim", () => {
  for (const [name, state, taskId, holds] of [
    [
      "of what is on disk",
      { task: wait({ delivery: { taskId: "0/1/1/w", workerId: "w", atMs: 7 } }) },
      "0/1/1/w",
      true,
    ],
    ["of what never got there", {}, "0/1/1/w", true],
    ["of what was replaced", { task: wait({ delivery: { taskId: "new", workerId: "v", atMs: 0 } }) }, "0/1/1/w", false],
    ["of an earlier attempt", { task: wait({ attempt: 2 }) }, "0/1/1/w", false],
    ["of another worker's task", {}, "0/1/1/v", false],
    ["under a cancel", { cancelRequestedAtMs: 1 }, "0/1/1/w", false],
    ["after the end", { status: "finished", task: undefined }, "0/1/1/w", false],
  ] as const) {
    test(`${holds ? "holds" : "does not hold"}: ${name}`, () => {
      const draft = on(state as Partial<Job>, { type: "claim", taskId, workerId: "w", reply: reply as Reply<never> });
      const [after] = draft.after;
      expect(after?.type === "answer-claim" && after.claim !== undefined).toBe(holds);
    });
  }
});

describe("time", () => {
  const timed = order({ dispatchTimeoutMs: 5_000 });
  for (const [name, state, expected] of [
    [
      "ends a job past its deadline at its failure state",
      { deadlineAtMs: NOW_MS },
      { state: "bad", endsAs: "failed", error: { code: "DEADLINE_EXCEEDED" } },
    ],
    [
      "ends a task that no worker took",
      { task: wait({ order: timed }) },
      { state: "bad", error: { code: "DISPATCH_TIMEOUT" } },
    ],
    [
      "leaves a task that a worker has",
      { task: wait({ order: timed, delivery: { taskId: "0/1/1/w", workerId: "w", atMs: 0 } }) },
      { state: "start" },
    ],
    [
      "queues a retry",
      { status: "awaiting_retry", task: wait({ attempt: 2, notBeforeMs: NOW_MS }) },
      { status: "waiting_for_worker", task: { notBeforeMs: undefined } },
    ],
    [
      "leaves a retry whose time is to come",
      { status: "awaiting_retry", task: wait({ attempt: 2, notBeforeMs: NOW_MS + 1 }) },
      { status: "awaiting_retry" },
    ],
    ["ends a cancel's grace", { cancelRequestedAtMs: NOW_MS - 10_000 }, { state: "stopped", endsAs: "cancelled" }],
    [
      "leaves a cancel within its grace",
      { cancelRequestedAtMs: NOW_MS - 9_999, deadlineAtMs: NOW_MS + 1 },
      { state: "start" },
    ],
    ["changes nothing after the end", { status: "finished", task: undefined, deadlineAtMs: 1 }, { status: "finished" }],
  ] as const) {
    test(name, () => expect(on(state as Partial<Job>, { type: "wake" }).job).toMatchObject(expected as object));
  }

  for (const [name, state, expected] of [
    ["nothing", {}, undefined],
    ["the deadline", { deadlineAtMs: 7 }, 7],
    ["the end of the grace", { cancelRequestedAtMs: 5, task: wait({ order: timed, queuedAtMs: 0 }) }, 10_005],
    ["a handler's next run", { task: undefined, handler: { failures: 1, notBeforeMs: 9 }, deadlineAtMs: 12 }, 9],
    ["the dispatch timeout", { task: wait({ order: timed, queuedAtMs: 1_000 }) }, 6_000],
    ["a retry", { task: wait({ notBeforeMs: NOW_MS + 5 }) }, NOW_MS + 5],
    ["nothing after the end", { status: "failed", deadlineAtMs: 7 }, undefined],
  ] as const) {
    test(`will next have to do with a job: ${name}`, () => {
      const one = job(state as Partial<Job>);
      expect(wakeAtMs(one, one.task ? [one.task] : [], rules.cancelGraceMs)).toBe(expected);
    });
  }
});

describe("an end", () => {
  function ended(entered: Partial<Job>, ending: Ending, more: Partial<TurnReply> = {}): Job {
    const draft = on({ ...entered, task: undefined });
    applyTurn(draft, { steps: [{ state: draft.job.state, startedAtMs: NOW_MS, durationMs: 1 }], ending, ...more });
    return draft.job;
  }
  const end = (state: string): Ending => ({ kind: "ended", state });

  for (const [name, entered, ending, status] of [
    ["of any name finishes", { state: "done" }, end("done"), "finished"],
    ["named failed fails", { state: "failed" }, end("failed"), "failed"],
    ["named error fails", { state: "error" }, end("error"), "failed"],
    ["reached by a permanent failure quarantines", { state: "bad", endsAs: "quarantined" }, end("bad"), "quarantined"],
    ["reached by a cancel cancels", { state: "bad", endsAs: "cancelled" }, end("bad"), "cancelled"],
    ["reached by an invalid input fails", { state: "finished", endsAs: "failed" }, end("finished"), "failed"],
  ] as const) {
    test(`${name}: ${status}`, () => expect(ended(entered, ending).status).toBe(status));
  }

  test("reached by way of another state after a failure is what its own name says", () => {
    const steps = [
      { state: "repair", startedAtMs: NOW_MS, durationMs: 1, next: "done" },
      { state: "done", startedAtMs: NOW_MS, durationMs: 1 },
    ];
    const over = ended({ state: "repair", endsAs: "quarantined" }, end("done"), { steps });

    expect(over).toMatchObject({ status: "finished", state: "done", visit: 2, endsAs: undefined });
  });

  test("by an invalid turn fails at once", () => {
    const ending: Ending = { kind: "invalid", state: "start", error: { code: "NO_OUTCOME", message: "none" } };

    expect(ended({}, ending, { steps: [] })).toMatchObject({ status: "failed", error: { code: "NO_OUTCOME" } });
  });
});

describe("several messages in one unit", () => {
  const handOut = { visit: 1, slot: 0, attempt: 1, taskId: "0/1/1/w/new", workerId: "w", atMs: NOW_MS };
  const state = stateOf(job({ task: wait({ delivery: { taskId: handOut.taskId, workerId: "w", atMs: NOW_MS } }) }));
  const afters = (...messages: UserMessage[]) =>
    decide(state, messages, MOMENT, rules).draft.after.map(({ type }) => type);

  test("take up again what is with a worker", () => {
    expect(afters({ type: "recover" })).toEqual(["adopt"]);
    expect(afters({ type: "recover" }, { type: "wake" })).toEqual(["adopt"]);
  });

  test("take up nothing that a later one of them has taken from the worker", () => {
    const claim: UserMessage = { type: "claim", taskId: "0/1/1/w", workerId: "w", reply: reply as Reply<never> };

    expect(afters({ type: "recover" }, { type: "lost", handOut, reason: "handed_back" }, claim)).toEqual([
      "queue",
      "answer-claim",
    ]);
  });
});
