/** Puts in place what a schema says once and refers to (`$ref: "#/$defs/Name"`), as the schemas of other languages' tools do. */
import type { JsonMap, JsonValue } from "../system/errors.ts";
import { isObject } from "./json.ts";

/** A few references to references would be a schema of any size. */
const NODES_MAX = 10_000;
const SHELVES: ReadonlySet<string> = new Set(["$defs", "definitions"]);

/** Throws a text that says what cannot be put in place, as the end of "it holds …". */
export class Unresolvable extends Error {
  override readonly name = "Unresolvable";
}

export function withoutReferences(schema: JsonMap): JsonMap {
  const placer = new Placer(schema);
  return placer.place(schema, []) as JsonMap;
}

class Placer {
  #nodes = 0;

  constructor(readonly root: JsonMap) {}

  /** `within`: the references that led here. */
  place(value: JsonValue | undefined, within: readonly string[]): JsonValue | undefined {
    this.#nodes += 1;
    if (this.#nodes > NODES_MAX)
      throw new Unresolvable(`more than ${NODES_MAX} parts once its references are followed`);
    if (Array.isArray(value)) return value.map((item) => this.place(item, within) ?? null);
    if (!isObject(value)) return value;
    const { $ref: reference } = value;
    if (typeof reference === "string" && reference.startsWith("#/")) return this.#follow(value, reference, within);
    const entries = Object.entries(value).filter(([name]) => !SHELVES.has(name));
    return Object.fromEntries(entries.map(([name, inner]) => [name, this.place(inner, within)]));
  }

  /** What stands beside a reference counts as well. */
  #follow(value: JsonMap, reference: string, within: readonly string[]): JsonValue | undefined {
    const { $ref: _, ...beside } = value;
    if (within.includes(reference)) throw new Unresolvable(`the reference ${reference}, which leads back to itself`);
    const target = this.#find(reference);
    if (!isObject(target)) throw new Unresolvable(`the reference ${reference}, which leads nowhere`);
    return this.place({ ...target, ...beside }, [...within, reference]);
  }

  #find(reference: string): JsonValue | undefined {
    let found: JsonValue | undefined = this.root;
    for (const part of reference.slice(2).split("/")) {
      const name = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
      if (!isObject(found) || !Object.hasOwn(found, name)) return undefined;
      found = found[name];
    }
    return found;
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // It is no address's way of writing: the name may be just that.
    return part;
  }
}
