import { describe, expect, test } from "bun:test";
import { encodeUnit } from "../../../src/storage/sqlite/encoded.ts";
import { packGroup, unpackGroup } from "../../../src/storage/sqlite/group-frame.ts";
import type { JobWrite, Unit } from "../../../src/storage/port.ts";
import { sampleJob, sampleWait, unitOf } from "../sample.ts";

const AWKWARD = '{"text":"é 😀 \\u0000 \u2028","-1":[-1,-2,-3]}';

function branchesOf(count: number): JobWrite["branches"] {
  return Array.from({ length: count }, (_, slot) =>
    slot % 2 === 0 ? { slot, wait: sampleWait(slot) } : { slot, result: { taskId: `task-${slot}`, json: AWKWARD } },
  );
}

const UNITS: readonly (readonly [string, Unit])[] = [
  ["a new job", unitOf(sampleJob("a", { stateHistory: AWKWARD }))],
  ["an older one that tells of nothing", unitOf(sampleJob("b", { version: 7 }), { events: [] })],
  ["one that wakes", unitOf(sampleJob("c"), { wakeAtMs: 1_700_000_000_123 })],
  ["a long input", unitOf(sampleJob("d", { initialData: `{"a":"${"y".repeat(9_000)}"}` }))],
  ["branches", unitOf(sampleJob("e"), { branches: branchesOf(20), dropBranches: true })],
  [
    "a parent with its children",
    { jobs: ["f", "g", "h"].flatMap((id) => unitOf(sampleJob(id, { parentId: "f" })).jobs) },
  ],
  [
    "what is sent out",
    unitOf(sampleJob("i"), {
      outbox: [{ id: "1", kind: "webhook", destination: "https://a.example", body: AWKWARD, dueAtMs: 5 }],
    }),
  ],
  ["text that has no UTF-8", unitOf(sampleJob("j", { stateHistory: '{"a":"\ud800"}' }))],
  ["tags", unitOf(sampleJob("k", { tags: ["red", "blue"] }))],
  [
    "an answer that is kept",
    {
      ...unitOf(sampleJob("l")),
      idempotency: { client: "acme", key: "k", bodyHash: "h", answer: "a", expiresAtMs: 9 },
    },
  ],
  ["no job at all", { jobs: [], outbox: [{ type: "delivered", number: 3 }] as unknown as Unit["outbox"] }],
];

describe("a group comes out of its frame as it went in", () => {
  test.each(UNITS)("%s", (_what, unit) => {
    const encoded = encodeUnit(unit);
    expect(unpackGroup(structuredClone(packGroup([encoded])))).toEqual([encoded]);
  });

  test("many units, in their order", () => {
    const encoded = [...UNITS, ...UNITS.toReversed()].map(([, unit]) => encodeUnit(unit));
    expect(unpackGroup(structuredClone(packGroup(encoded)))).toEqual(encoded);
  });

  test("none", () => {
    expect(unpackGroup(packGroup([]))).toEqual([]);
  });
});

test("only what holds more than jobs and text crosses as it is", () => {
  const { others } = packGroup(UNITS.map(([, unit]) => encodeUnit(unit)));
  expect(others.map(({ jobs }) => jobs[0]?.id)).toEqual(["j", "k", "l", undefined]);
});

test("what is remembered of a group does not keep the group in memory", () => {
  const GROUPS = 200;
  const text = JSON.stringify({ text: "x".repeat(1024 * 1024) });
  const known = new Map<string, string>();
  const megabytes = () => {
    Bun.gc(true);
    return process.memoryUsage.rss() / 1024 / 1024;
  };
  const before = megabytes();
  for (let index = 0; index < GROUPS; index++) {
    const unit = encodeUnit(
      unitOf(sampleJob(crypto.randomUUID(), { stateHistory: text, status: "waiting_for_worker" })),
    );
    const [job] = unpackGroup(structuredClone(packGroup([unit])))[0]?.jobs ?? [];
    if (job) known.set(job.id, job.status);
  }

  expect(known.size).toBe(GROUPS);
  expect(new Set(known.values())).toEqual(new Set(["waiting_for_worker"]));
  expect(megabytes() - before).toBeLessThan(GROUPS / 2);
});
