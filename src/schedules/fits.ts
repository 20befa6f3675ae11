/** Whether a schedule's blueprint is in service and takes its input. That changes while the server runs. */
import type { Catalog, Manifest } from "../catalog/port.ts";
import { compileSchema, type SchemaCheck } from "../protocol/schema.ts";
import { type JsonMap, messageOf } from "../system/errors.ts";
import { blueprintMeant } from "./read-timing.ts";
import type { Schedule } from "./schedule.ts";

export type KnownBlueprints = Pick<Catalog, "current" | "list">;

/** A sentence about what is wrong; undefined: nothing. */
export function misfit({ blueprint, initialData }: Schedule, catalog: KnownBlueprints): string | undefined {
  const manifest = catalog.current(blueprint);
  if (!manifest) {
    const known = catalog.list().map(({ name }) => name);
    return `blueprint = "${blueprint}" names none that is in service${blueprintMeant(blueprint, known)}`;
  }
  return inputProblem(manifest, JSON.parse(initialData) as JsonMap);
}

const compiled = new WeakMap<object, SchemaCheck | string>();

function inputProblem({ name, inputSchema }: Manifest, input: JsonMap): string | undefined {
  if (inputSchema === undefined) return undefined;
  const check = checkOf(inputSchema);
  if (typeof check === "string") return `blueprint = "${name}" has an input schema that cannot be used: ${check}`;
  const [first] = check(input, "") ?? [];
  if (!first) return undefined;
  return `input_data does not fit blueprint "${name}": ${first.path || "it"} ${first.message}.`;
}

function checkOf(schema: object): SchemaCheck | string {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const check = compileOrSay(schema);
  compiled.set(schema, check);
  return check;
}

function compileOrSay(schema: object): SchemaCheck | string {
  try {
    return compileSchema(schema);
  } catch (error) {
    return messageOf(error);
  }
}
