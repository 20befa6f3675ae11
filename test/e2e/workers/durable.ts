/** Tasks that leave a mark outside, so that a test sees how often each of them ran. */
import { appendFile } from "node:fs/promises";
import { Worker } from "orchestrator/worker";

interface Params {
  step: number;
  ms?: number;
  marks?: string;
  /** Or the one worker that it blocks. */
  blocks?: boolean | string;
}

export default new Worker().task("mark", async ({ step, ms = 5, marks, blocks }: Params) => {
  if (marks !== undefined) await appendFile(marks, `${step} ${process.env["WORKER_ID"]}\n`);
  if (blocks === true || blocks === process.env["WORKER_ID"]) Bun.sleepSync(ms);
  else await Bun.sleep(ms);
  return { step };
});
