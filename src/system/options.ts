/** Options that nobody knows do nothing: whoever wrote one is told, with the name that was meant. */
import { suggestion } from "./nearest.ts";

export interface KnownOptions {
  readonly names: readonly string[];
  /** What people write for them: the option's own name. */
  readonly otherwise?: Readonly<Record<string, string>>;
}

/** One sentence for each unknown option. `owner` as it is written: "new Worker({ … })". */
export function unknownOptions(owner: string, options: object, { names, otherwise = {} }: KnownOptions): string[] {
  const unknown = Object.keys(options).filter((name) => !names.includes(name));
  return unknown.map((name) => {
    const meant = Object.hasOwn(otherwise, name) ? `; did you mean ${otherwise[name]}?` : suggestion(name, names);
    const all = meant === "." ? ` There are: ${names.join(", ")}.` : "";
    return `${owner} has no option "${name}"${meant}${all}`;
  });
}
