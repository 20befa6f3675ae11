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
  /** What ended though nobody had told it to, or ended otherwise than in order. */
  readonly died: readonly string[];
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
  const died: string[] = [];
  const lookForDead = (when: string) => {
    const ended = [...(server.hasEnded ? ["the server"] : []), ...fleet.ended];
    died.push(...ended.map((who) => `${who}, ${when}`));
  };
  try {
    for (const [index, { calmMs, blow }] of plan.entries()) {
      await Bun.sleep(calmMs);
      lookForDead(`before round ${index + 1}`);
      const beganMs = performance.now();
      const exitCode = await strike(blow, server, fleet, disk);
      if (exitCode) died.push(`${blow.kind} of round ${index + 1} with exit code ${exitCode}`);
      blows[blow.kind] = (blows[blow.kind] ?? 0) + 1;
      const tookMs = Math.round(performance.now() - beganMs);
      say(`round ${index + 1}: ${describe(blow)}, over after ${tookMs} ms; ${ledger.jobs.size} acknowledged`);
    }
    ledger.isClosed = true;
    await Promise.all(clients);
    const judged = await judge({ server, ledger, harms: fleet.harms });
    lookForDead("after the last round");
    const clean = isClean(judged) && died.length === 0;
    return { ...judged, died, acknowledged: ledger.jobs.size, blows, isClean: clean, log: clean ? "" : server.log };
  } finally {
    ledger.isClosed = true;
    server.thaw();
    await fleet.end();
    await server.remove();
  }
}

/** Resolves once the server is ready again, with the exit code where something was ended in an orderly way. */
async function strike(
  blow: Blow,
  server: Server,
  fleet: Fleet,
  disk: SmallDisk | undefined,
): Promise<number | undefined> {
  switch (blow.kind) {
    case "kill":
      return restart(server);
    case "stop": {
      const exitCode = await server.stop();
      await server.start(START_MS);
      return exitCode;
    }
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
      server.thaw();
      return undefined;
    case "kill-worker":
      await fleet.kill(blow.worker);
      await Bun.sleep(blow.awayMs);
      fleet.start(blow.worker);
      return undefined;
    case "drain-worker": {
      const exitCode = await fleet.drain(blow.worker);
      await Bun.sleep(blow.awayMs);
      fleet.start(blow.worker);
      return exitCode;
    }
    case "freeze-worker":
      await fleet.freeze(blow.worker, blow.frozenMs);
      return undefined;
    case "kill-both":
      await Promise.all([fleet.kill(blow.worker), server.kill()]);
      fleet.start(blow.worker);
      await server.start(START_MS);
      return undefined;
    case "fill-disk":
      return fillDisk(blow, server, disk);
  }
}

async function fillDisk(
  { fullMs, isKilled }: Extract<Blow, { kind: "fill-disk" }>,
  server: Server,
  disk: SmallDisk | undefined,
): Promise<undefined> {
  if (!disk) throw new Error("a round that fills the disk needs one of its own");
  disk.fill();
  await Bun.sleep(fullMs / 2);
  if (isKilled) {
    await server.kill();
    server.launch();
  }
  // Now what was held back for results and cancels is gone as well.
  disk.fill();
  await Bun.sleep(fullMs / 2);
  disk.clear();
  // On a full disk it may have refused to start.
  if (isKilled) await restart(server);
}

async function restart(server: Server): Promise<undefined> {
  await server.kill();
  await server.start(START_MS);
}

function describe({ kind, ...rest }: Blow): string {
  const details = Object.entries(rest).map(([name, value]) => {
    return `${name} ${typeof value === "number" ? Math.round(value) : value}`;
  });
  return [kind, ...details].join(" ");
}
