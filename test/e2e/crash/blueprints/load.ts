/** The load of the crash campaign. Each flow keeps what reached it, so that a result which counts twice is seen. */
import { Blueprint } from "orchestrator";

/** Enough for every loss that a campaign causes: only what the server itself did could use them up. */
const retry = { maxAttempts: 50, backoffSeconds: 0.1, maxBackoffSeconds: 0.5 };
const timeoutSeconds = 4;

/** `steps` tasks, one after the other. */
export const counting = new Blueprint({ name: "counting_flow", apiEndpoint: "jobs/counting" })
  .handlerFor("start", { isStart: true }, ({ stateHistory }, actions) => {
    stateHistory["counted"] = [];
    actions.transitionTo("step");
  })
  .handlerFor("step", ({ initialData, stateHistory }, actions) => {
    actions.dispatchTask({
      taskType: "count",
      params: { number: stateHistory["counted"].length, ms: initialData.ms ?? 5 },
      transitions: { success: "count", failure: "failed", cancelled: "called_off" },
      retry,
      timeoutSeconds,
    });
  })
  .handlerFor("count", ({ initialData, stateHistory }, actions) => {
    stateHistory["counted"].push(stateHistory["number"]);
    stateHistory["attempts_max"] = Math.max(stateHistory["attempts_max"] ?? 1, stateHistory["attempt"]);
    actions.transitionTo(stateHistory["counted"].length < initialData.steps ? "step" : "finished");
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("called_off", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);

/** The same in batches, under a name of its own so that they can be told apart. */
export const batched = new Blueprint({ name: "batched_flow", apiEndpoint: "jobs/batched" })
  .handlerFor("start", { isStart: true }, (_, actions) => {
    actions.dispatchTask({
      taskType: "count",
      params: { number: 0, ms: 5 },
      transitions: { success: "finished", failure: "failed" },
      retry,
      timeoutSeconds,
    });
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);

/** `branches` tasks side by side, brought together. */
export const fanned = new Blueprint({ name: "fanned_flow", apiEndpoint: "jobs/fanned" })
  .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
    actions.dispatchParallel({
      aggregateInto: "together",
      tasks: Array.from({ length: initialData.branches }, (_, number) => ({
        taskType: "count",
        params: { number, ms: 5 },
        transitions: { success: "together", failure: "failed" },
        retry,
        timeoutSeconds,
      })),
    });
  })
  .aggregatorFor("together", ({ aggregationResults, stateHistory }, actions) => {
    const results = Object.values(aggregationResults);
    stateHistory["counted"] = results.map(({ data }) => data?.["number"]);
    stateHistory["attempts_max"] = Math.max(...results.map(({ data }) => data?.["attempt"]));
    stateHistory["runs"] = (stateHistory["runs"] ?? 0) + 1;
    actions.transitionTo("finished");
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);

/** A task that fails `failures` times and then succeeds, or has no attempt left. */
export const flaky = new Blueprint({ name: "flaky_flow", apiEndpoint: "jobs/flaky" })
  .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
    actions.dispatchTask({
      taskType: "fail",
      params: { failures: initialData.failures },
      transitions: { success: "finished", failure: "failed" },
      retry: { ...retry, maxAttempts: initialData.attempts ?? retry.maxAttempts },
      timeoutSeconds,
    });
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);

/** A task that runs until the job is cancelled. */
export const endless = new Blueprint({ name: "endless_flow", apiEndpoint: "jobs/endless" })
  .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
    actions.dispatchTask({
      taskType: "count",
      params: { number: 0, ms: 600_000 },
      transitions: initialData.hasTransition
        ? { success: "finished", failure: "failed", cancelled: "called_off" }
        : { success: "finished", failure: "failed" },
      retry,
    });
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("called_off", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);

/** Sleeps, then has one task done. */
export const sleeping = new Blueprint({ name: "sleeping_flow", apiEndpoint: "jobs/sleeping" })
  .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
    actions.waitFor({ seconds: initialData.seconds, then: "step" });
  })
  .handlerFor("step", (_, actions) => {
    actions.dispatchTask({
      taskType: "count",
      params: { number: 0, ms: 5 },
      transitions: { success: "count", failure: "failed" },
      retry,
      timeoutSeconds,
    });
  })
  .handlerFor("count", ({ stateHistory }, actions) => {
    stateHistory["counted"] = [...(stateHistory["counted"] ?? []), stateHistory["number"]];
    actions.transitionTo("finished");
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);

/** Waits for two events, each with its number. */
export const listening = new Blueprint({ name: "listening_flow", apiEndpoint: "jobs/listening" })
  .handlerFor("start", { isStart: true }, (_, actions) => {
    actions.waitForEvent({ event: "number", transitions: { received: "count" } });
  })
  .handlerFor("count", ({ stateHistory }, actions) => {
    stateHistory["counted"] = [...(stateHistory["counted"] ?? []), stateHistory["number"]];
    actions.transitionTo(stateHistory["counted"].length < 2 ? "start" : "finished");
  })
  .handlerFor("finished", { isEnd: true }, () => undefined);

/** `children` jobs inside this one, each of one step, brought together. */
export const family = new Blueprint({ name: "family_flow", apiEndpoint: "jobs/family" })
  .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
    for (let number = 0; number < initialData.children; number++) {
      actions.runBlueprint({
        blueprintName: "child_flow",
        initialData: { number },
        transitions: { success: "together", failure: "failed", cancelled: "failed" },
      });
    }
  })
  .aggregatorFor("together", ({ aggregationResults, stateHistory }, actions) => {
    stateHistory["counted"] = Object.values(aggregationResults).map(({ data }) => data);
    stateHistory["runs"] = (stateHistory["runs"] ?? 0) + 1;
    actions.transitionTo("finished");
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);

export const child = new Blueprint({ name: "child_flow" })
  .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
    actions.dispatchTask({
      taskType: "count",
      params: { number: initialData.number, ms: 5 },
      transitions: { success: "tell", failure: "failed" },
      retry,
      timeoutSeconds,
    });
  })
  .handlerFor("tell", ({ stateHistory }, actions) => {
    stateHistory["result"] = stateHistory["number"];
    actions.transitionTo("finished");
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);
