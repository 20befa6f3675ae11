import { expect, test } from "bun:test";
import {
  type Actions,
  Blueprint,
  type Context,
  type DataStore,
  type ErrorCode,
  type Handler,
  type HandlerOptions,
  type JobState,
  type Json,
  type JsonObject,
  type Logger,
  StateMachineBlueprint,
  type TaskFiles,
  type TaskRequest,
  type TaskResult,
  type Transitions,
  Type,
} from "orchestrator";

/** What a blueprint file may name. That this file compiles is the test. */
export type Words = [DataStore, ErrorCode, HandlerOptions, JobState, Json, JsonObject, Logger, TaskFiles, TaskResult];

test("a blueprint file needs the public module alone, and its input schema types the handlers", () => {
  const transitions: Transitions = { success: "finished", failure: "failed" };
  const request = (size: number): TaskRequest => ({ taskType: "resize", params: { size }, transitions });
  const shared: Handler = ({ jobId }: Context, { transitionTo }: Actions) => transitionTo(jobId);

  const blueprint = new Blueprint({ name: "resize", input: Type.Object({ size: Type.Number() }) })
    .handlerFor("start", ({ initialData }, { dispatchTask }) => {
      // @ts-expect-error the schema knows no such field
      void initialData.colour;
      dispatchTask(request(initialData.size));
    })
    .handlerFor("other")
    .when((context) => context.initialData.size > 3, shared)
    .handlerFor("other", shared);

  expect(blueprint).toBeInstanceOf(StateMachineBlueprint);
  expect(blueprint.name).toBe("resize");
});
