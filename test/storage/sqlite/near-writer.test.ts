import { describe, expect, test } from "bun:test";
import { type EncodedUnit, unpackGroup } from "../../../src/storage/sqlite/encoded.ts";
import { writeNearOrFar } from "../../../src/storage/sqlite/near-writer.ts";
import type { JobWrite, Unit } from "../../../src/storage/port.ts";
import { sampleJob, unitOf } from "../sample.ts";

function unit(id: string, more: Partial<JobWrite> = {}, stateHistory = "{}"): Unit {
  return unitOf(sampleJob(id, { stateHistory }), { events: [], ...more });
}

/** Both hands note what they are given; a write near takes as long as the test says. */
function hands() {
  const near: string[][] = [];
  const far: { ids: string[]; changed: readonly string[] }[] = [];
  const forgotten: string[] = [];
  const time = { nowMs: 0, writeMs: 0.3 };
  const idsOf = (units: readonly EncodedUnit[]) => units.flatMap(({ jobs }) => jobs.map(({ id }) => id));
  const writer = writeNearOrFar({
    clock: { monotonicMs: () => time.nowMs },
    near: {
      write(units) {
        near.push(idsOf(units));
        time.nowMs += time.writeMs;
        return { type: "stored", refused: new Map() };
      },
      forget: (ids) => void forgotten.push(...ids),
      finalize: () => undefined,
    },
    far: {
      async write(group, changed) {
        far.push({ ids: idsOf(unpackGroup(group)), changed });
        return { type: "stored", refused: new Map() };
      },
      close: async () => undefined,
    },
  });
  return { writer, near, far, forgotten, time };
}

describe("a lone small unit", () => {
  test("is written where the engine runs, and is not remembered there", () => {
    const { writer, near, far, forgotten } = hands();

    expect(writer.write([unit("a")])).toEqual({ type: "stored", refused: new Map() });

    expect(near).toEqual([["a"]]);
    expect(forgotten).toEqual(["a"]);
    expect(far).toEqual([]);
  });

  test("goes to the thread now and then, which alone copies the log", async () => {
    const { writer, near, far } = hands();

    for (let index = 0; index < 100; index++) await writer.write([unit(`job-${index}`)]);

    expect(near).toHaveLength(98);
    expect(far.map(({ ids }) => ids)).toEqual([["job-48"], ["job-97"]]);
  });

  test("goes to the thread for a second after the disk was slow", async () => {
    const { writer, near, far, time } = hands();
    time.writeMs = 3;
    await writer.write([unit("slow")]);
    time.writeMs = 0.3;

    await writer.write([unit("soon")]);
    time.nowMs += 1_000;
    await writer.write([unit("later")]);

    expect(near).toEqual([["slow"], ["later"]]);
    expect(far).toEqual([{ ids: ["soon"], changed: ["slow"] }]);
  });
});

describe("the thread is given", () => {
  test("groups, and told once which jobs were written without it", async () => {
    const { writer, far } = hands();
    await writer.write([unit("a")]);
    await writer.write([unit("b")]);

    await writer.write([unit("c"), unit("d")]);
    await writer.write([unit("e"), unit("f")]);

    expect(far).toEqual([
      { ids: ["c", "d"], changed: ["a", "b"] },
      { ids: ["e", "f"], changed: [] },
    ]);
  });

  test.each([
    ["a long text", unit("a", {}, `{"a":"${"x".repeat(20_000)}"}`)],
    ["many branches", unit("a", { branches: Array.from({ length: 17 }, (_, slot) => ({ slot })) })],
    ["many jobs", { jobs: ["a", "b", "c", "d", "e"].flatMap((id) => unit(id).jobs) }],
  ])("%s", async (_what, given) => {
    const { writer, near, far } = hands();

    await writer.write([given]);

    expect(near).toEqual([]);
    expect(far).toHaveLength(1);
  });
});

test("a unit that has no form in the store reaches neither", () => {
  const { writer, near, far } = hands();
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;

  expect(writer.write([unit("a", { events: [{ type: "job_created", atMs: 1, extra: circular }] })])).toMatchObject({
    type: "invalid",
    index: 0,
  });
  expect([near, far]).toEqual([[], []]);
});
