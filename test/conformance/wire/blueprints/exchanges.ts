/** The flows behind the exchanges: each has one task, or three at once, and an end for each outcome. */
import { Blueprint } from "orchestrator";

const ENDS = { success: "finished", failure: "task_failed", cancelled: "task_cancelled", needs_review: "review" };

function flow(endpoint: string, taskType: string, retry = {}): Blueprint {
  const blueprint = new Blueprint({ name: endpoint, apiVersion: "v1", apiEndpoint: `jobs/${endpoint}` });
  blueprint.handlerFor("start", { isStart: true }, ({ initialData }, actions) =>
    actions.dispatchTask({ taskType, params: initialData, transitions: ENDS, retry }),
  );
  for (const state of Object.values(ENDS)) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  return blueprint;
}

export const one = flow("one", "echo");
export const cancellable = flow("cancellable", "slow", {
  maxAttempts: 2,
  backoffSeconds: 0.05,
  maxBackoffSeconds: 0.05,
});
export const film = new Blueprint({ name: "film", apiVersion: "v1", apiEndpoint: "jobs/film" });
film.handlerFor("start", { isStart: true }, (_context, actions) =>
  actions.dispatchTask({ taskType: "film", transitions: ENDS, eventTransitions: { preview_ready: "review" } }),
);
for (const state of Object.values(ENDS)) film.handlerFor(state, { isEnd: true }, () => undefined);

export const showcase = flow("full_showcase", "transcode_video");

export const parts = new Blueprint({ name: "parts", apiVersion: "v1", apiEndpoint: "jobs/parts" });
parts.handlerFor("start", { isStart: true }, (_context, actions) =>
  actions.dispatchParallel({
    tasks: ["audio_track.aac", "video_track.h264"].map((file) => ({
      taskType: "analyze_file",
      params: { file_name: file },
    })),
    aggregateInto: "summary",
  }),
);
parts.aggregatorFor("summary", ({ aggregationResults, stateHistory }, actions) => {
  stateHistory["parts"] = Object.values(aggregationResults).length;
  actions.transitionTo("finished");
});
parts.handlerFor("finished", { isEnd: true }, () => undefined);
