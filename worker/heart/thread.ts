/** Entry of the thread in which a worker's heart beats. */
import { messageOf } from "../../src/system/errors.ts";
import type { System } from "../../src/system/index.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { HttpClient } from "../http-client.ts";
import { processSystem } from "../log.ts";
import { BoardReader } from "./board.ts";
import type { ToHeart } from "./heart.ts";
import { Pulse } from "./pulse.ts";

declare const self: Worker;

const ANSWER_MS = 10_000;

/** Silent: what the server says to the worker is read by the worker. */
const system = createRealSystem({ level: "error", write: () => undefined });
const doors = new Map<number, HttpClient>();

async function beat(client: HttpClient, body: object): Promise<void> {
  const path = `/_worker/workers/${encodeURIComponent(client.access.workerId)}`;
  try {
    await client.send("PATCH", path, JSON.stringify(body), { timeoutMs: ANSWER_MS });
  } catch (error) {
    system.log.debug("a heartbeat did not reach the orchestrator", { reason: messageOf(error) });
  }
}

self.addEventListener("message", ({ data }: MessageEvent<ToHeart>) => {
  if (data.type === "door") {
    doors.set(data.place, new HttpClient(system, data.access));
    return;
  }
  const { memory, intervalMs, stallMs, tasks, workerId, log } = data;
  const send = (bodyFor: (place: number) => object) => {
    for (const [place, client] of doors) void beat(client, bodyFor(place));
  };
  const stalled = tellStalled(processSystem(log), workerId, stallMs);
  new Pulse({ ...system, board: new BoardReader(memory), intervalMs, stallMs, tasks, workerId, send, stalled }).start();
});

/** Whoever could say it otherwise stands still. */
function tellStalled({ log }: Pick<System, "log">, workerId: string, stallMs = 0): (types: readonly string[]) => void {
  return (types) =>
    log.error(
      `a handler has blocked the worker's thread for ${stallMs / 1000} s: its tasks are not reported any more, so that the orchestrator hands them out again. Give them a timeoutSeconds, let what is slow run in a thread, or raise WORKER_STALL_SECONDS`,
      { code: "WORKER_STALLED", worker_id: workerId, tasks: types },
    );
}
