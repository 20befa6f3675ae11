import { TransientError, Worker } from "orchestrator/worker";

export default new Worker()
  .task("count", async (params: { number: number; ms: number }, { signal, attempt }) => {
    await sleep(params.ms, signal);
    return { number: params.number, attempt };
  })
  .task("fail", async (params: { failures: number }, { attempt }) => {
    await Bun.sleep(2);
    if (attempt <= params.failures) throw new TransientError("by design");
    return { attempt };
  });

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
