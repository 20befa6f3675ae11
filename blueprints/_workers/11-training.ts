/** The worker of recipe 11: an update and a checkpoint after each epoch. */
import { PermanentError, TransientError, Worker } from "orchestrator/worker";

interface Params {
  epochs?: number;
  fails_at?: number;
  broken?: boolean;
}

export default new Worker().task("train_model", async ({ epochs = 5, fails_at, broken }: Params, task) => {
  if (broken) throw new PermanentError("there is no data to train with");
  // An attempt goes on where the one before it got to.
  const first = Number(task.lastCheckpoint ?? 0);
  for (let epoch = first + 1; epoch <= epochs; epoch++) {
    if (task.signal.aborted) return { status: "cancelled" };
    if (epoch === fails_at && task.attempt === 1) throw new TransientError("out of memory");
    await Bun.sleep(50);
    await task.checkpoint(epoch);
    await task.sendProgress(epoch / epochs, `epoch ${epoch} of ${epochs}`);
  }
  return { epochs, first_epoch: first + 1 };
});
