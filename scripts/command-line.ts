/** What the scripts have in common at their command line: each says what it does, and what it does not understand. */
import { parseArgs, type ParseArgsConfig, type ParseArgsOptionsConfig } from "node:util";

type Parsed<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ readonly options: Options; readonly args: string[]; readonly strict: true }>
>["values"];

/** Ends the process where help is asked for, or something else is meant than there is. */
export function readCommandLine<const Options extends ParseArgsOptionsConfig>(
  help: string,
  options: Options,
): Parsed<Options> {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help);
    process.exit(0);
  }
  try {
    return parseArgs({ options, args, strict: true } satisfies ParseArgsConfig).values as Parsed<Options>;
  } catch (error) {
    return misused(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
  }
}

export function wholeNumber(name: string, text: string, least = 1): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(number) && number >= least) return number;
  return misused(`--${name} is "${text}": it has to be a whole number from ${least} on.`);
}

function misused(why: string): never {
  console.error(why);
  return process.exit(2);
}
