/** Params that a task declares by schema: what does not fit is bad input, named by its paths. */
import type { TSchema } from "@sinclair/typebox";
import { compileDeclared } from "./declared.ts";
import { ERROR_DETAILS, InvalidInputError } from "./errors.ts";

export type CheckParams = (params: Record<string, unknown>) => void;

export function paramsCheck(task: string, schema: TSchema): CheckParams {
  const check = compileDeclared("params", task, schema);
  return (params) => {
    const violations = check(params, "");
    if (violations === undefined) return;
    const said = violations.map(({ path, message }) => `${path === "" ? "params" : path} ${message}`).join("; ");
    const error = new InvalidInputError(`The params do not fit the task "${task}": ${said}.`);
    throw Object.assign(error, { [ERROR_DETAILS]: violations });
  };
}
