import { describe, expect, test } from "bun:test";
import { isBuilt } from "./binary.ts";
import { type CampaignReport, runCampaign } from "./crash/campaign.ts";

import { SmallDisk, whyNoSmallDisk } from "../support/small-disk.ts";

const missing = whyNoSmallDisk();
if (missing !== undefined) console.warn(`The crash rounds that fill the disk are skipped: ${missing}.`);
const seed = Number(process.env["CRASH_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

describe.skipIf(!isBuilt)("kills and pauses of the server and of its workers, under load", () => {
  test(`after twenty rounds nothing acknowledged is lost, stuck, wrong or counted twice (CRASH_SEED=${seed})`, async () => {
    const report = await runCampaign({ rounds: 20, seed, serverFrozenMsMax: 2500 });
    expect(report.acknowledged).toBeGreaterThan(0);
    expectClean(report);
  }, 240_000);

  test.skipIf(missing !== undefined)(
    `nor after three rounds that fill the disk (CRASH_SEED=${seed})`,
    async () => {
      const disk = new SmallDisk(512);
      try {
        expectClean(await runCampaign({ rounds: 3, seed, kinds: ["fill-disk"], disk }));
      } finally {
        disk.remove();
      }
    },
    240_000,
  );
});

function expectClean({
  lost,
  stuck,
  wrong,
  miscounted,
  doubled,
  burned,
  died,
  isClean,
  ...more
}: CampaignReport): void {
  if (!isClean) console.error(`${more.evidence}\n${more.log.slice(-5000)}`);
  const none: string[] = [];
  expect({ lost, stuck, wrong, miscounted, doubled, burned, died }).toEqual({
    lost: none,
    stuck: none,
    wrong: none,
    miscounted: none,
    doubled: none,
    burned: none,
    died: none,
  });
}
