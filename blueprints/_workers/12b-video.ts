/** The worker of recipe 12b. It knows nothing of S3: a local path comes in its params, and a local path is what it returns. */
import { InvalidInputError, Worker } from "orchestrator/worker";

interface Params {
  video_path?: string;
}

const worker = new Worker({ workerType: "video" });

worker.task("process_video_from_s3", async ({ video_path: path = "" }: Params) => {
  const video = Bun.file(path);
  if (!(await video.exists())) throw new InvalidInputError(`there is no video at "${path}"`);

  // Here: a copy, beside the video. It passes through no memory, since a video may be larger than that.
  const processed = path.replace(/[^/]+$/, "processed_$&");
  await Bun.write(processed, video);

  // It is uploaded, and the job gets its address.
  return { processed_video_path: processed, bytes: video.size };
});

export default worker;
