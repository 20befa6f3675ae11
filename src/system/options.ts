/** Options that nobody knows do nothing: whoever wrote one is told, with the name that was meant. */
import { suggestion } from "./nearest.ts";

export interface KnownOptions {
  readonly names: readonly string[];
  /** What people write for them: the option's own name. */
  readonly otherwise?: Readonly<Record<string, string>>;
}

export interface UnknownOption {
  readonly name: string;
  /** One sentence. */
  readonly message: string;
}

/** `owner` as it is written: "new Worker({ … })". */
export function unknownOptions(owner: string, options: object, known: KnownOptions): UnknownOption[] {
  const unknown = Object.keys(options).filter((name) => !known.names.includes(name));
  return unknown.map((name) => ({ name, message: unknownOption(owner, name, known) }));
}

export function unknownOption(owner: string, name: string, { names, otherwise = {} }: KnownOptions): string {
  const meant = Object.hasOwn(otherwise, name) ? `; did you mean ${otherwise[name]}?` : suggestion(name, names);
  const all = meant === "." ? ` There are: ${names.join(", ")}.` : "";
  return `${owner} has no option "${name}"${meant}${all}`;
}
