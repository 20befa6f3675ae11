/** Who else is measured, and how they get here: installed on demand, into a folder of their own. */
import { join } from "node:path";
import { bullmq, bullmqHttp, bullmqRemote } from "./bullmq.ts";
import { restate } from "./restate.ts";
import type { Side } from "./side.ts";

export const peers: readonly Side[] = [bullmqHttp, bullmqRemote, bullmq, restate];

const folder = join(import.meta.dir, "..", "peers");

/** Throws a sentence when something is missing that this command cannot fetch. */
export function installPeers(chosen: readonly Side[]): void {
  if (chosen.some((peer) => peer !== restate) && Bun.which("redis-server") === null) {
    throw new Error("redis-server is missing: install it (apt-get install redis-server), or run with --peers none.");
  }
  const installed = Bun.spawnSync([process.execPath, "install", "--frozen-lockfile"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (!installed.success) throw new Error("The peers could not be installed; --peers none does without them.");
}
