/** Whether what a worker returned fits the schema that the task declares for it. */
import { knownCheck } from "../protocol/schema.ts";
import { messageOf } from "../system/errors.ts";

/** Undefined: it fits, or no schema was declared. `data`: JSON text of an object. */
export function outputProblem(schema: object | undefined, data: string | undefined): string | undefined {
  if (schema === undefined) return undefined;
  try {
    const [first, ...more] = knownCheck(schema)(JSON.parse(data ?? "{}"), "data") ?? [];
    if (!first) return undefined;
    return `${first.path} ${first.message}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;
  } catch (error) {
    // A check that cannot be made refuses.
    return `the schema cannot be used: ${messageOf(error)}`;
  }
}
