/**
 * Recipe 10: call a running task off. The worker is told over every channel that it has, stops at its
 * next look and answers `cancelled`; the job goes where that leads. A worker that does not answer
 * within CANCEL_GRACE_SECONDS (10) holds up nothing.
 *
 * Try it:
 *   orchestrator worker blueprints/_workers/10-video.ts      in another terminal, unless scripts/start runs
 *   orchestrator jobs submit cancellable_flow --input '{"frames": 1000}'
 *   orchestrator jobs cancel JOB_ID                                               ends in "task_cancelled"
 *   orchestrator jobs submit cancellable_flow --wait --input '{"frames": 20}'     ends in "finished_successfully"
 *   orchestrator jobs submit cancellable_flow --wait --input '{"frames": -1}'     ends in "task_failed"
 */
import { Blueprint } from "orchestrator";

const cancellable = new Blueprint({ name: "cancellable_flow", apiEndpoint: "jobs/cancellable" });

cancellable.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "long_video_processing",
    params: initialData,
    transitions: { success: "finished_successfully", failure: "task_failed", cancelled: "task_cancelled" },
  });
});

cancellable.handlerFor("finished_successfully", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("the video is ready", { frames: stateHistory["frames_done"] });
});

cancellable.handlerFor("task_failed", { isEnd: true }, ({ error, log }) => {
  log.warn("the video could not be processed", { error });
});

cancellable.handlerFor("task_cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default cancellable;
