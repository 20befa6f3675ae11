import type { When } from "./sdk.ts";
export interface Condition {
  readonly text?: string;
}
export function parseCondition(_when: When): Condition {
  throw new Error("not built yet");
}
