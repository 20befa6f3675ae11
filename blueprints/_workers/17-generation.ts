/** The worker of recipe 17: writes a text, with more care for those who pay for it. */
import { InvalidInputError, type TaskContext, Worker } from "orchestrator/worker";

const PAUSE_MS = 100;

interface Params {
  prompt?: string;
  seconds?: number;
}

export default new Worker()
  .task("high_quality_generation", (params: Params, task) => generate("high", params, task))
  .task("standard_quality_generation", (params: Params, task) => generate("standard", params, task));

async function generate(quality: "high" | "standard", { prompt, seconds = 0.5 }: Params, task: TaskContext) {
  if (!prompt) throw new InvalidInputError('there is nothing to write about: give a "prompt"');
  for (let waitedMs = 0; waitedMs < seconds * 1000; waitedMs += PAUSE_MS) {
    await Bun.sleep(PAUSE_MS);
    if (task.signal.aborted) return { status: "cancelled" };
  }
  const text = `Here comes ${prompt}.`;
  return { quality, text: quality === "high" ? `${text} It was worth the wait.` : text };
}
