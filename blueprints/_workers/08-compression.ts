/** The worker of recipe 8: writes each run of a letter as its number and the letter. */
import { Worker } from "orchestrator/worker";

interface Params {
  text?: string;
  seconds?: number;
}

export default new Worker().task("image_compression", async ({ text = "aaab", seconds = 0.1 }: Params, { signal }) => {
  for (let waited = 0; waited < seconds && !signal.aborted; waited += 0.1) await Bun.sleep(100);
  if (signal.aborted) return { status: "cancelled" };
  const compressed = text.replaceAll(/(.)\1*/g, (run, letter: string) => `${run.length}${letter}`);
  return { compressed, worker: process.env["WORKER_NAME"] ?? String(process.pid) };
});
