/**
 * Rounds of blows under load: the server and its workers are killed, frozen and started again
 * while clients go on. What they were told is compared at the end with what the server holds.
 */
import { join } from "node:path";
import type { SmallDisk } from "../../support/small-disk.ts";
import { Server } from "../binary.ts";
import { seededChance } from "./chance.ts";
import { Fleet } from "./fleet.ts";
import { isClean, judge, type Judged } from "./judge.ts";
import { Ledger } from "./ledger.ts";
import { submitUntilClosed } from "./load.ts";
import { type Blow, KINDS, planRounds } from "./plan.ts";

const CLIENTS = 8;
const START_MS = 30_000;
/** Short enough that a campaign sees workers go: the settings of the program are minutes. */
export const SHORT_TIMES = {
  WORKER_TIMEOUT_SECONDS: "10",
  WORKER_HEALTH_CHECK_INTERVAL_SECONDS: "2",
  WORKER_POLL_TIMEOUT_SECONDS: "5",
  CANCEL_GRACE_SECONDS: "2",
  LOG_LEVEL: "warn",
};

export interface CampaignOptions {
  readonly rounds: number;
  readonly seed: number;
  readonly serverFrozenMsMax?: number;
  /** Left out: all that need nothing of the machine. */
  readonly kinds?: readonly Blow["kind"][];
  /** For the rounds that fill the disk: the data folder lies there then. */
  readonly disk?: SmallDisk;
  readonly say?: (line: string) => void;
}

export interface CampaignReport extends Judged {
  readonly acknowledged: number;
  readonly blows: Readonly<Record<string, number>>;
  readonly isClean: boolean;
  /** What the server said, where something went wrong. */
  readonly log: string;
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { rounds, seed, serverFrozenMsMax = 10_000, kinds = KINDS, disk, say = () => undefined } = options;
  const plan = planRounds(seededChance(seed), { rounds, serverFrozenMsMax, kinds });
  const server = new Server({
    blueprints: join(import.meta.dir, "blueprints"),
    environment: SHORT_TIMES,
    ...(disk && { dataDir: join(disk.path, "data") }),
  });
  await server.start();
  const fleet = new Fleet(server);
  const ledger = new Ledger();
  const clients = Array.from({ length: CLIENTS }, (_, number) => {
    const chance = seededChance(seed + number + 1);
    return submitUntilClosed({ name: `client-${number}`, server, ledger, chance });
  });
  const blows: Record<string, number> = {};
  try {
    for (const [index, { calmMs, blow }] of plan.entries()) {
      await Bun.sleep(calmMs);
      const beganMs = performance.now();
      await strike(blow, server, fleet, disk);
      blows[blow.kind] = (blows[blow.kind] ?? 0) + 1;
      const tookMs = Math.round(performance.now() - beganMs);
      say(`round ${index + 1}: ${describe(blow)}, over after ${tookMs} ms; ${ledger.jobs.size} acknowledged`);
    }
    ledger.isClosed = true;
    await Promise.all(clients);
    const judged = await judge({ server, ledger, harms: fleet.harms });
    const clean = isClean(judged);
    return { ...judged, acknowledged: ledger.jobs.size, blows, isClean: clean, log: clean ? "" : server.log };
  } finally {
    ledger.isClosed = true;
    server.thaw();
    await fleet.end();
    await server.remove();
  }
}

/** Resolves once the server is ready again. */
async function strike(blow: Blow, server: Server, fleet: Fleet, disk: SmallDisk | undefined): Promise<void> {
  switch (blow.kind) {
    case "kill":
      return restart(server);
    case "kill-at-start":
    case "kill-in-recovery":
      await server.kill();
      server.launch();
      await Bun.sleep(blow.lifeMs);
      return restart(server);
    case "kill-twice":
      await restart(server);
      return restart(server);
    case "freeze":
      server.freeze();
      await Bun.sleep(blow.frozenMs);
      return server.thaw();
    case "kill-worker":
      await fleet.kill(blow.worker);
      await Bun.sleep(blow.awayMs);
      return fleet.start(blow.worker);
    case "drain-worker":
      await fleet.drain(blow.worker);
      await Bun.sleep(blow.awayMs);
      return fleet.start(blow.worker);
    case "freeze-worker":
      return fleet.freeze(blow.worker, blow.frozenMs);
    case "kill-both":
      await Promise.all([fleet.kill(blow.worker), server.kill()]);
      fleet.start(blow.worker);
      await server.start(START_MS);
      return;
    case "fill-disk":
      if (!disk) throw new Error("a round that fills the disk needs one of its own");
      disk.fill();
      await Bun.sleep(blow.fullMs / 2);
      if (blow.isKilled) await server.kill();
      if (blow.isKilled) server.launch();
      // Now what was held back for results and cancels is gone as well.
      disk.fill();
      await Bun.sleep(blow.fullMs / 2);
      disk.clear();
      if (blow.isKilled) await restart(server);
  }
}

async function restart(server: Server): Promise<void> {
  await server.kill();
  await server.start(START_MS);
}

function describe({ kind, ...rest }: Blow): string {
  const details = Object.entries(rest).map(([name, value]) => {
    return `${name} ${typeof value === "number" ? Math.round(value) : value}`;
  });
  return [kind, ...details].join(" ");
}
