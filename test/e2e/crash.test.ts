import { describe, expect, test } from "bun:test";
import { isBuilt } from "./binary.ts";
import { runCampaign } from "./crash/campaign.ts";

const seed = Number(process.env["CRASH_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

describe.skipIf(!isBuilt)("kills and pauses of the server and of its workers, under load", () => {
  test(`after nine rounds nothing acknowledged is lost, stuck, wrong or counted twice (CRASH_SEED=${seed})`, async () => {
    const report = await runCampaign({ rounds: 9, seed, serverFrozenMsMax: 2500 });
    expect(report.acknowledged).toBeGreaterThan(0);
    const { lost, stuck, wrong, miscounted, doubled, burned, log } = report;
    if (!report.isClean) console.log(log.slice(-5000));
    expect({ lost, stuck, wrong, miscounted, doubled, burned }).toEqual({
      lost: [],
      stuck: [],
      wrong: [],
      miscounted: [],
      doubled: [],
      burned: [],
    });
  }, 240_000);
});
