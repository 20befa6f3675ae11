import { Refusal } from "../system/errors.ts";
import { wordsOf } from "./failures.ts";

/** JSON of a value that a handler made, or a refusal that names it. `undefined`: JSON leaves it out. */
export function jsonOf(value: unknown, name: string): string | undefined {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new Refusal("NOT_SERIALISABLE", 422, `${name} is a ${typeof value}: store data only.`);
  }
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new Refusal(
      "NOT_SERIALISABLE",
      422,
      `${nameOfCulprit(value, name)} cannot be stored as JSON: ${wordsOf(error)}`,
    );
  }
}

/** JSON of an object: anything else is refused. */
export function jsonOfObject(value: unknown, name: string): string {
  const text = typeof value === "object" && value !== null && !Array.isArray(value) ? jsonOf(value, name) : undefined;
  if (text?.startsWith("{")) return text;
  throw new Refusal("NOT_SERIALISABLE", 422, `${name} must be an object, such as { text: "hello" }.`);
}

/** One level down is enough to find the line in a handler. */
function nameOfCulprit(value: unknown, name: string): string {
  if (typeof value !== "object" || value === null) return name;
  const culprit = Reflect.ownKeys(value).find((key) => typeof key === "string" && !canBeStored(value, key));
  return culprit === undefined ? name : `${name}.${String(culprit)}`;
}

/** Reading the value can throw as well: it may be computed. */
function canBeStored(holder: object, key: PropertyKey): boolean {
  try {
    JSON.stringify(Reflect.get(holder, key));
    return true;
  } catch {
    return false;
  }
}
