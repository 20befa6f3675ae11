/** Whether what a worker returned fits the schema that the task declares for it. */
import { compileSchema, type SchemaCheck } from "../protocol/schema.ts";
import { messageOf } from "../system/errors.ts";

/** By their texts: each job has a copy of its own of the same few schemas. */
const compiled = new Map<string, SchemaCheck>();
const COMPILED_MAX = 200;

/** Undefined: it fits, or no schema was declared. `data`: JSON text of an object. */
export function outputProblem(schema: object | undefined, data: string | undefined): string | undefined {
  if (schema === undefined) return undefined;
  try {
    const [first, ...more] = checkOf(JSON.stringify(schema), schema)(JSON.parse(data ?? "{}"), "data") ?? [];
    if (!first) return undefined;
    return `${first.path} ${first.message}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;
  } catch (error) {
    // A check that cannot be made refuses.
    return `the schema cannot be used: ${messageOf(error)}`;
  }
}

function checkOf(text: string, schema: object): SchemaCheck {
  const known = compiled.get(text);
  if (known) return known;
  if (compiled.size >= COMPILED_MAX) compiled.clear();
  const check = compileSchema(schema);
  compiled.set(text, check);
  return check;
}
