/** The worker of recipe 2: drafts a text about a topic, for a person to look at. */
import { InvalidInputError, Worker } from "orchestrator/worker";

interface Params {
  topic?: string;
  seconds?: number;
}

export default new Worker().task("data_generation", async (params: Params, task) => {
  if (!params.topic) throw new InvalidInputError("There is nothing to write about: give a topic.");
  const endMs = performance.now() + (params.seconds ?? 0) * 1000;
  while (performance.now() < endMs) {
    if (task.signal.aborted) return { status: "cancelled" };
    await Bun.sleep(50);
  }
  return { draft: `All about ${params.topic}.` };
});
