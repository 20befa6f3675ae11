/** Entry of the thread in which a worker's heart beats. */
import { createRealSystem } from "../../src/system/real.ts";
import { messageOf } from "../../src/system/errors.ts";
import { HttpClient } from "../http-client.ts";
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
  const { memory, intervalMs, tasks, workerId } = data;
  const send = (bodyFor: (place: number) => object) => {
    for (const [place, client] of doors) void beat(client, bodyFor(place));
  };
  new Pulse({ ...system, board: new BoardReader(memory), intervalMs, tasks, workerId, send }).start();
});
