/** The worker of recipe 15: sorts data of one type, and adds up data of the other. */
import { InvalidInputError, type TaskContext, Worker } from "orchestrator/worker";

const PAUSE_MS = 50;

interface Params {
  values?: unknown;
  seconds?: number;
}

async function numbersIn({ values, seconds = 0.1 }: Params, task: TaskContext): Promise<number[] | undefined> {
  if (!Array.isArray(values)) throw new InvalidInputError('the input has no list of "values"');
  for (let waitedMs = 0; waitedMs < seconds * 1000; waitedMs += PAUSE_MS) {
    await Bun.sleep(PAUSE_MS);
    if (task.signal.aborted) return undefined;
  }
  return values.map(Number);
}

export default new Worker()
  .task("task_a", async (params: Params, task) => {
    const numbers = await numbersIn(params, task);
    return numbers ? { sorted: numbers.toSorted((one, other) => one - other) } : { status: "cancelled" };
  })
  .task("task_b", async (params: Params, task) => {
    const numbers = await numbersIn(params, task);
    return numbers ? { sum: numbers.reduce((sum, number) => sum + number, 0) } : { status: "cancelled" };
  });
