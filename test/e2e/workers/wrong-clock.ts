/** A worker on a machine whose clock is wrong: 10 minutes slow, and 10 minutes fast from its second task on. */
import { Worker } from "orchestrator/worker";

const OFF_MS = 600_000;

const rightMs = Date.now.bind(Date);
let offMs = -OFF_MS;
Date.now = () => rightMs() + offMs;

export default new Worker().task("count", async (params: { number: number; ms: number }, { attempt }) => {
  await Bun.sleep(params.ms);
  offMs = OFF_MS;
  return { number: params.number, attempt };
});
