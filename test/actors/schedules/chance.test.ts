import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { temporaryFolder } from "../../storage/sqlite/open.ts";
import { Stage } from "./stage.ts";

/** More by hand: SEEDS=100 bun test test/actors/schedules/chance.test.ts */
const SEEDS = Number(process.env["SEEDS"] ?? 6);
const STEPS = 15;
const MINUTE_MS = 60_000;

/** The same numbers for the same seed. */
function chanceOf(seed: number) {
  let state = seed * 2_654_435_761 + 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return {
    upTo: (limit: number) => Math.floor(next() * limit),
    pick: <Item>(items: readonly Item[]) => items[Math.floor(next() * items.length)],
  };
}

type Fault = (stage: Stage, upTo: (limit: number) => number) => Promise<void> | void;

const FAULTS: readonly Fault[] = [
  (stage, upTo) => stage.world.pass(upTo(10) * MINUTE_MS, 30_000),
  (stage, upTo) => stage.world.pass(upTo(90) * 1_000, 1_000),
  (stage, upTo) => stage.away(upTo(30) * MINUTE_MS),
  async (stage, upTo) => {
    stage.isHeldUp = true;
    await stage.world.pass(upTo(5) * MINUTE_MS, 10_000);
    await stage.away(upTo(30) * MINUTE_MS);
  },
  (stage, upTo) => {
    stage.world.disk.hold();
    return stage.away(upTo(3) * MINUTE_MS);
  },
  (stage, upTo) => stage.world.time.shiftWall(upTo(40) * MINUTE_MS),
  (stage, upTo) => stage.world.time.shiftWall(-upTo(40) * MINUTE_MS),
  async (stage, upTo) => {
    stage.withoutBlueprints.add("tick");
    await stage.world.pass(upTo(20) * MINUTE_MS, 10_000);
    stage.withoutBlueprints.clear();
  },
  async (stage, upTo) => {
    stage.world.disk.refuse = () => new Error("the disk is full");
    await stage.world.pass(upTo(20) * MINUTE_MS, 10_000);
    stage.world.disk.refuse = () => undefined;
  },
];

test("whatever happens to server, disk and clock, each due time gets exactly one job", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { upTo, pick } = chanceOf(seed);
    const folder = temporaryFolder();
    const jitter = seed % 2 === 0 ? "jitter_seconds = 50" : "";
    const stage = await Stage.start(`[s]\nblueprint = "tick"\ncron = "* * * * *"\nmissed = "all"\n${jitter}`, folder);
    try {
      for (let step = 0; step < STEPS; step++) {
        await pick(FAULTS)?.(stage, upTo);
        // Time to make up for it: more than a hundred together would be left out, as they should.
        await stage.world.pass(3_000, 1_000);
      }
      await stage.world.pass(90 * MINUTE_MS, 60_000);
      const due = (await stage.jobs()).map((job) => Date.parse(String(job.client.config["due_at"])));
      const ordered = due.toSorted((one, other) => one - other);
      const gaps = ordered.slice(1).map((ms, index) => (ms - (ordered[index] ?? 0)) / MINUTE_MS);
      expect({ seed, first: ordered[0], twiceOrLost: gaps.filter((minutes) => minutes !== 1) }).toEqual({
        seed,
        first: Date.UTC(2026, 0, 1, 0, 1),
        twiceOrLost: [],
      });
    } finally {
      await stage.end();
      rmSync(folder, { recursive: true, force: true });
    }
  }
}, 600_000);
