/** One task of the name that the job gives, tried once. */
import { Blueprint } from "orchestrator";

const bad = new Blueprint({ name: "bad_tasks_flow", apiEndpoint: "jobs/bad_tasks" });

bad.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: initialData.task,
    params: initialData,
    ...(initialData.seconds !== undefined && { timeoutSeconds: initialData.seconds }),
    retry: { maxAttempts: 1 },
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

bad.handlerFor("finished", { isEnd: true }, () => undefined);
bad.handlerFor("failed", { isEnd: true }, () => undefined);
bad.handlerFor("cancelled", { isEnd: true }, () => undefined);

export default bad;
