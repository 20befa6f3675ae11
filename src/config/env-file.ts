/** Reads `NAME=value` lines: the file of `--env-file`. Nothing is expanded. */
import { Refusal } from "../system/errors.ts";

const LINE = /^\s*(?:export\s+)?(?<name>[A-Za-z_][A-Za-z0-9_]*)\s*=(?<value>.*)$/;

export function parseEnvFile(file: string, text: string): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const { name, value } = LINE.exec(line)?.groups ?? {};
    if (name === undefined || value === undefined) {
      throw new Refusal("WRONG_SETTING", 400, `${file}:${index + 1} cannot be read: write NAME=value.`);
    }
    values[name] = unquote(value.trim());
  }
  return values;
}

function unquote(value: string): string {
  const quote = value.charAt(0);
  const isQuoted = value.length > 1 && (quote === '"' || quote === "'") && value.endsWith(quote);
  if (isQuoted) return value.slice(1, -1);
  return value.replace(/\s#.*$/, "").trimEnd();
}
