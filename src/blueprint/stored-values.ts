/** What may be kept in a data store, and what a blueprint may declare of one. */
import { entryBytes, STORE_LIMITS } from "../job/data-store.ts";
import { Refusal } from "../system/errors.ts";
import { nearest } from "../system/nearest.ts";
import type { JsonObject } from "./sdk.ts";
import { jsonOf } from "./serialise.ts";

const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u;

export function checkedKey(key: unknown, store: string): string {
  const { keyBytes } = STORE_LIMITS;
  if (typeof key === "string" && key !== "" && key.isWellFormed() && Buffer.byteLength(key) <= keyBytes) return key;
  const found = typeof key === "string" ? `a text of ${Buffer.byteLength(key)} bytes` : String(typeof key);
  throw new Refusal(
    "DATA_STORE_INVALID_KEY",
    422,
    `A key of data store "${store}" is a text of 1 to ${keyBytes} bytes, and this one is ${found}: choose another key.`,
  );
}

/** JSON text of a value; `place` is named where it cannot be kept. */
export function jsonOfValue(value: unknown, place: string): string {
  const json = Number.isNaN(value) || value === Infinity || value === -Infinity ? undefined : jsonOf(value, place);
  if (json === undefined) {
    throw new Refusal(
      "NOT_SERIALISABLE",
      422,
      `${place}: ${String(value)} is nothing that JSON can keep, give a value, or delete the key.`,
    );
  }
  const bytes = Buffer.byteLength(json);
  if (bytes <= STORE_LIMITS.valueBytes) return json;
  throw new Refusal(
    "DATA_STORE_VALUE_TOO_LARGE",
    413,
    `${place}: the value has ${bytes} bytes and ${STORE_LIMITS.valueBytes} are allowed: keep large data in files and store where they are.`,
  );
}

/** The initial values of a store, as they will be kept. */
export function checkedStore(blueprint: string, name: unknown, initial: unknown): JsonObject {
  const isNamed = typeof name === "string" && NAME.test(name) && name !== "__proto__";
  if (!isNamed || name.length > STORE_LIMITS.nameCharacters) {
    throw invalid(
      `Blueprint "${blueprint}" has a data store named ${JSON.stringify(name)}: give it up to ${STORE_LIMITS.nameCharacters} letters, digits, "_", "-" and ".".`,
    );
  }
  if (typeof initial !== "object" || initial === null || Array.isArray(initial)) {
    throw invalid(
      `The initial values of data store "${name}" are ${JSON.stringify(initial)}: give an object such as { total: 0 }.`,
    );
  }
  let bytes = 0;
  const checked: [string, string][] = [];
  for (const [key, value] of Object.entries(initial as JsonObject)) {
    if (value === undefined) continue;
    const json = jsonOfValue(value, `dataStores.${name}, key "${checkedKey(key, name)}"`);
    bytes += entryBytes(key, json);
    checked.push([key, json]);
  }
  if (bytes > STORE_LIMITS.storeBytes) throw invalid(`The initial values of data store "${name}" do not fit into it.`);
  return Object.fromEntries(checked.map(([key, json]) => [key, JSON.parse(json)])) as JsonObject;
}

/** One thing to do: mend the name where another is near, and declare the store where none is. */
export function unknownStoreText(name: string, names: readonly string[]): string {
  const unknown = `The blueprint has no data store "${name}"`;
  const declare = `addDataStore("${name}")`;
  const meant = nearest(name, names);
  if (meant !== undefined)
    return `${unknown}; did you mean ${meant}? If it is another one, declare it with ${declare}.`;
  if (names.length === 0) return `${unknown}, and it declares none: declare it with ${declare}.`;
  return `${unknown}: declare it with ${declare}, or use one that there is: ${names.map((one) => `"${one}"`).join(", ")}.`;
}

function invalid(message: string): Refusal {
  return new Refusal("INVALID_BLUEPRINT", 422, message);
}
