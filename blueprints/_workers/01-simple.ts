/** The worker of recipe 1: takes some seconds, says how far it is, and stops when the job is cancelled. */
import { PermanentError, Worker } from "orchestrator/worker";

const STEPS = 10;

interface Params {
  name?: string;
  seconds?: number;
  broken?: boolean;
}

export default new Worker().task("simple_task", async (params: Params, task) => {
  if (params.broken) throw new PermanentError("this input is broken, and stays so");
  const stepMs = ((params.seconds ?? 2) * 1000) / STEPS;
  for (let step = 1; step <= STEPS; step++) {
    await Bun.sleep(stepMs);
    if (task.signal.aborted) return { status: "cancelled" };
    await task.sendProgress(step / STEPS, `step ${step} of ${STEPS}`);
  }
  return { greeting: `Hello, ${params.name ?? "world"}!` };
});
