/** Blueprints as a folder would serve them: the newest version of each, and all that there ever was. */
import { type Blueprint, type Definition, definitionOf } from "../../src/blueprint/index.ts";
import type { Catalog, Manifest } from "../../src/catalog/port.ts";

export class Versions implements Catalog {
  readonly #current = new Map<string, Manifest>();
  readonly #all = new Map<string, { readonly manifest: Manifest; readonly definition: Definition }>();
  readonly #listeners = new Set<() => void>();

  constructor(blueprints: readonly Blueprint[]) {
    for (const blueprint of blueprints) this.deploy(blueprint);
  }

  /** Serves from now on. The first version of a blueprint "x" has the hash "hash-of-x", the next one "hash-of-x-2". */
  deploy(blueprint: Blueprint): string {
    const { name } = blueprint;
    const before = [...this.#all.values()].filter(({ manifest }) => manifest.name === name).length;
    const hash = `hash-of-${name}${before === 0 ? "" : `-${before + 1}`}`;
    const manifest = manifestOf(blueprint, hash);
    this.#all.set(hash, { manifest, definition: definitionOf(blueprint) });
    this.#current.set(name, manifest);
    for (const listener of this.#listeners) listener();
    return hash;
  }

  definition(hash: string): Definition | undefined {
    return this.#all.get(hash)?.definition;
  }

  current(name: string): Manifest | undefined {
    return this.#current.get(name);
  }

  byPath(): undefined {
    return undefined;
  }

  async pinned(hash: string, name: string): Promise<Manifest | undefined> {
    const found = this.#all.get(hash)?.manifest;
    return found?.name === name ? found : undefined;
  }

  list(): readonly Manifest[] {
    return [...this.#current.values()];
  }

  findings(): readonly [] {
    return [];
  }

  refused(): readonly [] {
    return [];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function manifestOf(blueprint: Blueprint, hash: string): Manifest {
  const { concurrency, dataStores, states: declared } = definitionOf(blueprint);
  const states = [...declared.values()];
  const start = states.find((state) => state.isStart)?.name ?? "start";
  return {
    name: blueprint.name,
    hash,
    file: `${blueprint.name}.ts`,
    apiVersion: "v1",
    start,
    states: states.map(({ name, isEnd, isAggregator }) => ({ name, isStart: name === start, isEnd, isAggregator })),
    edges: [],
    dataStores,
    ...(concurrency && { concurrency }),
  };
}
