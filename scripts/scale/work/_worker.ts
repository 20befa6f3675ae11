import { Worker } from "orchestrator/worker";

export default new Worker({ maxConcurrentTasks: 500 }).task("step", () => ({ ok: true }));
