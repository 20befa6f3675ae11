import { describe, expect, test } from "bun:test";
import { Opening } from "../../../actors/gate/opening.ts";
import type { GateMessage, Place } from "../../../actors/gate/messages.ts";
import type { GatedJob } from "../../../src/storage/port.ts";
import { createLog } from "../../../src/system/log.ts";

/** A store that answers as it is told, and time that passes when it is told. */
function stage(answers: (readonly GatedJob[] | Error)[]) {
  const told: GateMessage[] = [];
  const due: (() => void)[] = [];
  const warnings: string[] = [];
  let reads = 0;
  const log = createLog(({ message }) => void warnings.push(message), "warn");
  const opening = new Opening({
    reader: {
      async gated() {
        const answer = answers[reads++];
        if (answer === undefined || answer instanceof Error) throw answer ?? new Error("nothing is left to answer");
        return answer;
      },
    },
    timers: {
      after(_delayMs, run) {
        due.push(run);
        return () => void due.splice(due.indexOf(run), 1);
      },
    },
    log,
    place: ({ id }) => ({ jobId: id }) as unknown as Place,
    tell: (message) => void told.push(message),
  });
  const settle = async () => {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  return { opening, told, due, warnings, settle, reads: () => reads };
}

const inside = { id: "in", blueprint: "b", gate: { isIn: true } } as unknown as GatedJob;
const before = { id: "before", blueprint: "b", gate: { isIn: false } } as unknown as GatedJob;

describe("the gates open", () => {
  test("once they know who is in and who stands before them", async () => {
    const { opening, told, settle } = stage([[inside, before]]);

    opening.start();
    await settle();

    expect(told).toMatchObject([
      { type: "entered", place: { jobId: "in" }, isOld: true },
      { type: "arrived", place: { jobId: "before" }, isOld: true },
      { type: "open" },
    ]);
  });

  test("later, when the store does not answer at first", async () => {
    const { opening, told, due, warnings, settle } = stage([new Error("busy"), [before]]);
    opening.start();
    await settle();
    expect([told, warnings.length]).toEqual([[], 1]);

    due[0]?.();
    await settle();

    expect(told.map(({ type }) => type)).toEqual(["arrived", "open"]);
  });
});

describe("after the stop nobody asks again", () => {
  test("when a try was planned", async () => {
    const { opening, due, settle } = stage([new Error("closed")]);
    opening.start();
    await settle();
    expect(due).toHaveLength(1);

    opening.stop();

    expect(due).toHaveLength(0);
  });

  test("when one was under way", async () => {
    const { opening, due, warnings, settle, reads } = stage([new Error("closed")]);
    opening.start();
    opening.stop();

    await settle();

    expect([reads(), due.length, warnings.length]).toEqual([1, 0, 0]);
  });
});
