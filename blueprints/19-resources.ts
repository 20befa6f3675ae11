/**
 * Recipe 19: the task goes only to a worker that has what it needs: a graphics card of that model with enough memory,
 * and the model installed. Others are not asked; while none fits, the task waits (`jobs show --json` has what it needs).
 *
 * Try it: first without a fitting worker, then start one.
 *   orchestrator worker blueprints/_workers/19-video.ts --id plain
 *   orchestrator jobs submit gpu_intensive_flow --wait --input '{"clips": 3}'      it waits
 *   GPU_MODEL="NVIDIA T4" GPU_VRAM_GB=16 INSTALLED_MODELS='["stable-diffusion-1.5"]' \
 *     orchestrator worker blueprints/_workers/19-video.ts --id gpu                  and this one takes it
 */
import { Blueprint } from "orchestrator";

const gpu = new Blueprint({ name: "gpu_intensive_flow", apiEndpoint: "jobs/gpu_flow" });

// The start, by its name: a state that is called "start" needs no flag.
gpu.handlerFor("start", ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "video_montage",
    params: initialData,
    resourceRequirements: {
      gpu: { model: "NVIDIA T4", vramGb: 16 },
      installedModels: ["stable-diffusion-1.5"],
    },
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

gpu.handlerFor("finished", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("cut", { frames: stateHistory["frames"] });
});

gpu.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("not cut", { error });
});

gpu.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default gpu;
