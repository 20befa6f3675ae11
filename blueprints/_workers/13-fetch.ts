/** The worker of recipe 13: its outside service behaves as the key says. */
import { InvalidInputError, PermanentError, TransientError, Worker } from "orchestrator/worker";

interface Params {
  api_key?: string;
}

export default new Worker().task("fetch_external_data", async ({ api_key: key }: Params, task) => {
  switch (key) {
    case undefined:
      throw new InvalidInputError("the API key is missing");
    case "expired":
      throw new PermanentError("the service does not know this key any more");
    case "down":
      throw new TransientError("the service does not answer");
    case "flaky":
      if (task.attempt < 3) throw new TransientError("the service did not answer in time");
      return { answer: 42, attempts: task.attempt };
    case "slow":
      while (!task.signal.aborted) await Bun.sleep(50);
      return { status: "cancelled" };
    default:
      return { answer: 42, attempts: task.attempt };
  }
});
