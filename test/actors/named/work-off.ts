import type { World } from "../../support/engine.ts";
import type { StreamWorker } from "../../support/worker.ts";

/** The worker answers what it is given until it is given nothing more. */
export async function workOff(world: World, worker: StreamWorker): Promise<void> {
  for (let given = worker.running; given.length > 0; given = worker.running) {
    for (const task of given) await worker.answer({ data: { done: task.job_id } }, task);
    await world.pass(50);
  }
}
