/** The worker of recipe 10: between frames it looks whether its task was called off. */
import { Type, Worker } from "orchestrator/worker";

const worker = new Worker();

const params = Type.Object({ frames: Type.Optional(Type.Integer({ minimum: 1 })) });

worker.task("long_video_processing", { params }, async ({ frames = 100 }, { taskId, log }) => {
  for (let frame = 0; frame < frames; frame++) {
    // `await isCancelled()` of the task's own context says the same; `signal` aborts what waits.
    if (await worker.checkForCancellation(taskId)) {
      log.info("stopped", { frame });
      return { status: "cancelled" };
    }
    await Bun.sleep(20);
  }
  return { frames_done: frames };
});

export default worker;
