/**
 * Recipe 11: a long task says how far it is. The updates are kept in the job's history of states, the
 * newest one stands beside its status, and whoever follows the job sees a bar.
 *
 * Try it:
 *   orchestrator worker blueprints/_workers/11-training.ts      in another terminal, unless scripts/start runs
 *   orchestrator jobs submit training_flow --wait --input '{"epochs": 10}'
 *   orchestrator jobs show JOB_ID --json      state_history.progress_updates has one entry for each epoch
 *   orchestrator jobs submit training_flow --wait --input '{"fails_at": 4}'      the second attempt goes on at its checkpoint
 */
import { Blueprint } from "orchestrator";

const training = new Blueprint({ name: "training_flow", apiEndpoint: "jobs/training" });

training.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "train_model",
    params: initialData,
    retry: { maxAttempts: 3, backoffSeconds: 0.2 },
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

training.handlerFor("finished", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("trained", { updates: stateHistory["progress_updates"]?.length });
});

training.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("not trained", { error });
});

training.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default training;
