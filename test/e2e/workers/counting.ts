import { Worker } from "orchestrator/worker";

export default new Worker({ maxConcurrentTasks: 50 }).task("count", async (params: { step: number }) => {
  await Bun.sleep(5);
  return { step: params.step };
});
