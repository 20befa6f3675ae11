import { describe, expect, test } from "bun:test";
import { type EncodedUnit, packGroup, unpackGroup } from "../../../src/storage/sqlite/encoded.ts";
import { apart, FramePacker, FrameReader, type GroupFrame } from "../../../src/storage/sqlite/group-frame.ts";
import { eventsIn } from "../../../src/storage/sqlite/event-text.ts";
import type { JobWrite, Unit } from "../../../src/storage/port.ts";
import { groupIn, writeFrame } from "../../../src/storage/sqlite/thread-frames.ts";
import { fromStored, type StoredText } from "../../../src/storage/sqlite/text.ts";
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
  ["tags", unitOf(sampleJob("k", { tags: ["red", "blue", "red"] }))],
  [
    "a unique key and a gate",
    unitOf(sampleJob("m", { uniqueKey: AWKWARD, gate: { sinceMs: 1, visit: 2, isIn: true, max: 3 } })),
  ],
  ["one that is over", unitOf(sampleJob("n", { version: 3, status: "finished" }))],
  [
    "an answer that is kept",
    {
      ...unitOf(sampleJob("l")),
      idempotency: { client: "acme", key: "k", bodyHash: "h", answer: "a", expiresAtMs: 9 },
    },
  ],
  ["no job at all", { jobs: [], outbox: [{ type: "remove", id: "3" }] }],
];

function framed(units: readonly Unit[]): GroupFrame {
  const packed = packGroup(units);
  if ("type" in packed) throw new Error(packed.reason);
  return groupIn(structuredClone(writeFrame(packed, [], 1)));
}

const outOf = (units: readonly Unit[]) => unpackGroup(framed(units));

const textOf = (value: unknown) =>
  value instanceof Uint8Array || typeof value === "string" ? fromStored(value as StoredText) : value;

/** As it can be told from what came out. */
function toldOf({ jobs, beside }: EncodedUnit): unknown {
  return {
    jobs: jobs.map(({ id, expectedVersion, version, client, status, values, events, ...rest }) => ({
      head: [id, expectedVersion, version, client, status],
      row: values.map(textOf).slice(0, -1),
      core: JSON.parse(String(values.at(-1))) as unknown,
      input: textOf(rest.input),
      events: events === undefined ? [] : eventsIn(events),
      drops: rest.dropBranches,
      branches: rest.branches.map(({ slot, wait, task, result }) => ({
        slot,
        wait: wait === undefined ? undefined : (JSON.parse(wait) as unknown),
        result: [textOf(task), textOf(result)],
      })),
      outbox: rest.outbox.map((row) => row.map(textOf)),
      marks: rest.marks && {
        tags: rest.marks.tags.map(textOf),
        unique: rest.marks.unique?.map(textOf),
        isAtGate: rest.marks.isAtGate,
      },
    })),
    beside,
  };
}

/** The same of what went in. */
function expectedOf({ jobs, ...beside }: Unit): unknown {
  return {
    jobs: jobs.map(({ job, expectedVersion, events, wakeAtMs = null, branches = [], outbox = [], dropBranches }) => {
      const isNew = expectedVersion === 0;
      const isLong = job.initialData.length > 4096;
      const { id, version, status, client, gate, uniqueKey } = job;
      const row = [version, status === "finished" ? 0 : 1, status, job.state, job.hash, job.updatedAtMs, wakeAtMs];
      const made = [
        id,
        client.id,
        job.blueprint,
        job.createdAtMs,
        job.parentId ?? null,
        isLong ? null : job.initialData,
      ];
      const tags = isNew ? [...new Set(job.tags)] : [];
      return {
        head: [id, expectedVersion, version, client.id, status],
        row: [...(isNew ? made : []), ...row, job.stateHistory],
        core: {
          visit: job.visit,
          enteredAtMs: 0,
          steps: 1,
          c: { plan: "pro", config: {} },
          gate,
          uniqueKey,
          tags: job.tags,
        },
        input: isNew && isLong ? job.initialData : null,
        events,
        drops: dropBranches === true,
        branches: branches.map(({ slot, wait, result }) => ({
          slot,
          wait,
          result: [result?.taskId ?? null, result?.json ?? null],
        })),
        outbox: outbox.map((row) => [row.id, id, row.kind, row.destination, row.body, row.dueAtMs]),
        marks:
          tags.length === 0 && gate === undefined && uniqueKey === undefined
            ? undefined
            : {
                tags,
                unique: uniqueKey === undefined ? undefined : [client.id, job.blueprint, uniqueKey],
                isAtGate: gate !== undefined,
              },
      };
    }),
    beside: Object.keys(beside).length === 0 ? undefined : beside,
  };
}

describe("a group comes out of its frame as it went in", () => {
  test.each(UNITS)("%s", (_what, unit) => {
    expect(outOf([unit]).map(toldOf)).toEqual([expectedOf(unit)]);
  });

  test("many units, in their order", () => {
    const units = [...UNITS, ...UNITS.toReversed()].map(([, unit]) => unit);
    expect(outOf(units).map(toldOf)).toEqual(units.map(expectedOf));
  });

  test("none", () => {
    expect(outOf([])).toEqual([]);
  });
});

test("a text without UTF-8 is bytes, also where its halves meet another text's, and others are text", () => {
  const packer = new FramePacker();
  for (const text of ["\ud83d", "\ude00", "", "é"]) packer.text(text);
  const reader = new FrameReader(structuredClone(packer.take()));

  const stored = [reader.stored(), reader.stored(), reader.stored(), reader.stored()];

  expect(stored.map((text) => typeof text)).toEqual(["object", "object", "string", "string"]);
  expect(stored.map(fromStored)).toEqual(["\ud83d", "\ude00", "", "é"]);
  expect(reader.hasMore).toBe(false);
});

test("what is not there comes out as that, and is told from what is empty or 0", () => {
  const packer = new FramePacker();
  packer.textIfAny(undefined);
  packer.textIfAny("");
  packer.textIfAny(undefined);
  packer.numberIfAny(undefined);
  packer.numberIfAny(-1);
  const reader = new FrameReader(structuredClone(packer.take()));

  expect([reader.textIfAny(), reader.storedIfAny(), reader.storedIfAny()]).toEqual([undefined, "", null]);
  expect([reader.numberIfAny(), reader.numberIfAny()]).toEqual([null, -1]);
});

test("most groups cross as texts and numbers alone, others with what they have and who was changed elsewhere", () => {
  const plain = {
    text: "é\ud800",
    codes: new Float64Array([1, -2, Number.NaN, 1.5e300, 1_700_000_000_123]),
    others: [],
  };
  const full = { ...plain, others: [{ outbox: [{ type: "remove", id: "3" }] }] } satisfies GroupFrame;

  expect(Object.values(writeFrame(plain, [], 7)).map((value) => typeof value)).toEqual([
    "string",
    "string",
    "string",
    "number",
  ]);
  for (const group of [plain, full]) {
    const { codes, ...rest } = groupIn(structuredClone(writeFrame(group, [], 7)));
    expect({ ...rest, codes: [...codes] }).toEqual({ ...group, codes: [...group.codes] });
  }
  expect(structuredClone(writeFrame(plain, ["a"], 7))).toMatchObject({ nowMs: 7, more: { changed: ["a"] } });
});

test("a unit that has no form is named, and nothing of it is in the next group", () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  const bad = unitOf(sampleJob("bad"), { events: [{ type: "job_created", atMs: 1, extra: circular }] });
  const good = unitOf(sampleJob("good"));

  expect(packGroup([good, bad, good])).toMatchObject({ type: "invalid", index: 1 });
  expect(outOf([good]).map(toldOf)).toEqual([expectedOf(good)]);
});

test("only what holds more than jobs crosses beside text and numbers", () => {
  const { others } = framed(UNITS.map(([, unit]) => unit));
  expect(others.map(({ idempotency, outbox }) => [idempotency?.key, outbox?.length])).toEqual([
    ["k", undefined],
    [undefined, 1],
  ]);
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
    const unit = unitOf(sampleJob(crypto.randomUUID(), { stateHistory: text, status: "waiting_for_worker" }));
    const [job] = outOf([unit])[0]?.jobs ?? [];
    if (job) known.set(apart(job.id), job.status);
  }

  expect(known.size).toBe(GROUPS);
  expect(new Set(known.values())).toEqual(new Set(["waiting_for_worker"]));
  expect(megabytes() - before).toBeLessThan(GROUPS / 2);
});
