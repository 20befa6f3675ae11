/** Workers of the recipes as their users would test them: without a server. */
import { describe, expect, test } from "bun:test";
import video from "../../blueprints/_workers/10-video.ts";
import training from "../../blueprints/_workers/11-training.ts";
import { runTask } from "../../worker/index.ts";

describe("recipe 10", () => {
  test("stops at its next look after it was called off", async () => {
    const run = await runTask(video, "long_video_processing", { frames: 500 }, { stopAfterMs: 30 });

    expect(run.result).toEqual({ status: "cancelled" });
    expect(run.log.map(({ message }) => message)).toEqual(["stopped"]);
  });

  test("processes all of its frames otherwise, and refuses to process none", async () => {
    expect((await runTask(video, "long_video_processing", { frames: 2 })).result.data).toEqual({ frames_done: 2 });
    expect((await runTask(video, "long_video_processing", { frames: 0 })).result.error).toMatchObject({
      code: "INVALID_INPUT_ERROR",
    });
  });
});

describe("recipe 11", () => {
  test("says how far it is after each epoch, and leaves a checkpoint", async () => {
    const run = await runTask(training, "train_model", { epochs: 4 });

    expect(run.progress.map(({ progress }) => progress)).toEqual([0.25, 0.5, 0.75, 1]);
    expect(run.checkpoints).toEqual([1, 2, 3, 4]);
  });

  test("fails in its first attempt where it is told to, and goes on at the checkpoint in its second", async () => {
    const params = { epochs: 3, fails_at: 3 };
    const first = await runTask(training, "train_model", params);
    expect(first.result.error).toMatchObject({ code: "TRANSIENT_ERROR" });

    const lastCheckpoint = first.checkpoints.at(-1) ?? null;
    const second = await runTask(training, "train_model", params, { attempt: 2, lastCheckpoint });
    expect(second.result.data).toEqual({ epochs: 3, first_epoch: 3 });
  });
});
