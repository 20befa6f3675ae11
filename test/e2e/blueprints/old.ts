/** For a worker of the first published generation. */
import { Blueprint } from "orchestrator";

const echo = new Blueprint({ name: "old_echo_flow", apiEndpoint: "jobs/old_echo" });

echo.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: initialData.task,
    params: initialData,
    maxCost: 0.6,
    transitions: { success: "finished", failure: "failed", cancelled: "task_cancelled" },
  });
});
echo.handlerFor("finished", { isEnd: true }, () => undefined);
echo.handlerFor("failed", { isEnd: true }, () => undefined);
echo.handlerFor("task_cancelled", { isEnd: true }, () => undefined);

export default echo;
