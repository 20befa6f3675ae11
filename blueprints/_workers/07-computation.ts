/** The worker of recipe 7: one task at a time, and each result says which one it was. */
import { PermanentError, Worker } from "orchestrator/worker";

let done = 0;

interface Params {
  label?: string;
  broken?: boolean;
}

export default new Worker({ taskTypeLimits: { computation: 1 } }).task("computation", async (params: Params) => {
  if (params.broken) throw new PermanentError("there is nothing to compute");
  await Bun.sleep(100);
  done += 1;
  return { label: params.label ?? "unnamed", place: done };
});
