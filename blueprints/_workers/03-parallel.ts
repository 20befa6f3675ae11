/** The worker of recipe 3: two kinds of task that do the same to their own input. */
import { PermanentError, type TaskContext, Worker } from "orchestrator/worker";

const PAUSE_MS = 100;

interface Params {
  input: string;
  seconds: number;
  broken: boolean;
}

async function work({ input, seconds, broken }: Params, task: TaskContext) {
  if (broken) throw new PermanentError(`${input} is broken`);
  for (let waitedMs = 0; waitedMs < seconds * 1000; waitedMs += PAUSE_MS) {
    await Bun.sleep(PAUSE_MS);
    if (task.signal.aborted) return { status: "cancelled" };
  }
  return { output: input.toUpperCase() };
}

export default new Worker({ maxConcurrentTasks: 10 }).task("task_A", work).task("task_B", work);
