/** Reads values of one table. Whatever is wrong is told with file, table and key, and what to write instead. */
import { Refusal } from "../system/errors.ts";
import { suggestion } from "../system/nearest.ts";

export type Values = Readonly<Record<string, unknown>>;

export class Table {
  constructor(
    readonly file: string,
    readonly name: string,
    readonly values: Values,
  ) {}

  has(key: string): boolean {
    return this.values[key] !== undefined;
  }

  /** `problem` goes on after the key and its value: "has to be …". */
  wrong(key: string, problem: string): Refusal {
    return this.refusal(`${key} = ${shown(this.values[key])} ${problem}`);
  }

  refusal(sentence: string): Refusal {
    return new Refusal("WRONG_SCHEDULE", 400, `${this.file}: [${this.name}] ${sentence}`);
  }

  refuseUnknownKeys(known: readonly string[]): void {
    for (const key of Object.keys(this.values)) {
      if (known.includes(key)) continue;
      const meant = suggestion(key, known);
      const all = meant === "." ? ` There are: ${known.join(", ")}.` : "";
      throw this.refusal(`sets ${key}, which no schedule has${meant}${all}`);
    }
  }

  text(key: string): string | undefined {
    const value = this.values[key];
    if (value === undefined || (typeof value === "string" && value.trim() !== "")) return value;
    throw this.wrong(key, "has to be a text in quotes that is not empty.");
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.values[key] ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.wrong(key, "has to be true or false.");
  }

  whole(key: string, min: number, max: number): number | undefined {
    const value = this.values[key];
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    throw this.wrong(key, `has to be a whole number from ${min} to ${max}.`);
  }

  choice<Choice extends string>(key: string, choices: readonly Choice[], fallback: Choice): Choice {
    const value = this.values[key] ?? fallback;
    const chosen = choices.find((choice) => choice === value);
    if (chosen !== undefined) return chosen;
    const known = choices.map((choice) => `"${choice}"`).join(", ");
    throw this.wrong(key, `has to be one of ${known}.`);
  }

  /** A list that is not empty and names nothing twice; `read` gives undefined for what does not fit. */
  list<Value>(key: string, wanted: string, read: (value: unknown) => Value | undefined): readonly Value[] {
    const values = this.values[key];
    if (!Array.isArray(values) || values.length === 0) throw this.wrong(key, `has to be ${wanted}.`);
    const found = values.map((value) => {
      const one = read(value);
      if (one === undefined) throw this.wrong(key, `has to be ${wanted}; ${shown(value)} is none of them.`);
      return one;
    });
    return [...new Set(found)];
  }
}

const SHOWN_MAX = 100;

function shown(value: unknown): string {
  const text = value instanceof Date ? value.toISOString() : (JSON.stringify(value) ?? String(value));
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
