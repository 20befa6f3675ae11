/** The worker of recipe 19: cuts clips together, as far as a few numbers can. */
import { InvalidInputError, Worker } from "orchestrator/worker";

interface Params {
  clips?: number;
}

export default new Worker().task("video_montage", ({ clips = 1 }: Params) => {
  if (clips < 1) throw new InvalidInputError("there are no clips to cut");
  return { frames: clips * 24, gpu: process.env["GPU_MODEL"] ?? null };
});
