/** The public module "orchestrator": all that a blueprint file may import. */
export { Type } from "@sinclair/typebox";
export { Blueprint, Blueprint as StateMachineBlueprint } from "./blueprint/blueprint.ts";
export type {
  Actions,
  ApprovalRequest,
  BlueprintOptions,
  ConditionalHandler,
  Context,
  DataStore,
  ErrorCode,
  Handler,
  HandlerOptions,
  FailedTask,
  JobState,
  Json,
  JsonObject,
  Logger,
  ParallelRequest,
  TaskFiles,
  TaskRequest,
  TaskResult,
  Transitions,
  When,
} from "./blueprint/sdk.ts";
