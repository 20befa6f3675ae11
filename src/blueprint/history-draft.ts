import { jsonOf } from "./serialise.ts";

export interface HistoryChange {
  /** The history afterwards: JSON text of an object. */
  readonly text: string;
  /** What changed: JSON text of `{set?, unset?}`. Left out: nothing did. */
  readonly patch?: string;
}

type Values = Record<string, unknown>;

const EMPTY = "{}";

/** A job's history while one handler works on it. It stays text for as long as nobody looks at it. */
export class HistoryDraft {
  readonly #before: string;
  readonly #merge: string | undefined;
  #values: Values | undefined;

  /** `merge` is laid over the history, key by key, and counts as a change. */
  constructor(before: string, merge?: string) {
    this.#before = before;
    this.#merge = merge === EMPTY ? undefined : merge;
  }

  get values(): Values {
    this.#values ??= this.#read();
    return this.#values;
  }

  /** Throws a Refusal that names the key whose value cannot be stored. */
  finish(): HistoryChange {
    if (!this.#values && !this.#merge) return { text: this.#before };
    if (!this.#values && this.#merge && this.#before === EMPTY) {
      return { text: this.#merge, patch: `{"set":${this.#merge}}` };
    }
    return this.#compare(this.values);
  }

  #read(): Values {
    const values = parse(this.#before);
    // A spread, not Object.assign: a key named "__proto__" stays a key.
    return this.#merge ? { ...values, ...parse(this.#merge) } : values;
  }

  #compare(values: Values): HistoryChange {
    const after = textsOf(values);
    const text = objectText(after);
    if (text === this.#before) return { text };
    const before = this.#before === EMPTY ? new Map<string, string>() : textsOf(parse(this.#before));
    const patch = patchText(before, after);
    return patch === undefined ? { text: this.#before } : { text, patch };
  }
}

function parse(text: string): Values {
  return text === EMPTY ? {} : (JSON.parse(text) as Values);
}

function textsOf(values: Values): Map<string, string> {
  const texts = new Map<string, string>();
  for (const key of Object.keys(values)) {
    const text = jsonOf(values[key], `stateHistory.${key}`);
    if (text !== undefined) texts.set(key, text);
  }
  return texts;
}

function patchText(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string | undefined {
  const changed = new Map([...after].filter(([key, text]) => before.get(key) !== text));
  const removed = [...before.keys()].filter((key) => !after.has(key));
  const parts: string[] = [];
  if (changed.size > 0) parts.push(`"set":${objectText(changed)}`);
  if (removed.length > 0) parts.push(`"unset":${JSON.stringify(removed)}`);
  return parts.length > 0 ? `{${parts.join(",")}}` : undefined;
}

function objectText(texts: ReadonlyMap<string, string>): string {
  let text = "";
  for (const [key, value] of texts) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${value}`;
  return `{${text}}`;
}
