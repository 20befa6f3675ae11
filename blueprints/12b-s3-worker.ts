/**
 * Recipe 12b: a large file goes to a worker and back by S3. The job carries addresses alone; the
 * worker finds a local file in its params, and returns the path of another one.
 *
 * The worker needs a store of files:
 *   S3_ENDPOINT_URL=http://127.0.0.1:9000 S3_BUCKET=work S3_ACCESS_KEY=… S3_SECRET_KEY=… \
 *     orchestrator worker blueprints/_workers/12b-video.ts
 *
 * Try it:
 *   orchestrator jobs submit s3_pipeline --wait --input '{"s3_uri": "s3://work/raw_videos/movie.mp4"}'
 *     the result is s3://work/jobs/{job}/{task}/processed_movie.mp4
 *   orchestrator jobs submit s3_pipeline --wait --input '{"s3_uri": "s3://work/no-such-file"}'    failed: the input is wrong
 */
import { Blueprint } from "orchestrator";

const pipeline = new Blueprint({ name: "s3_pipeline", apiEndpoint: "jobs/s3_pipeline" });

pipeline.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "process_video_from_s3",
    params: { video_path: initialData.s3_uri },
    retry: { maxAttempts: 3, backoffSeconds: 1 },
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

pipeline.handlerFor("finished", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("processed", { uri: stateHistory["processed_video_path"] });
});

pipeline.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("could not be processed", { error });
});

pipeline.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default pipeline;
