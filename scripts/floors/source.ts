/** Reads TypeScript just far enough to tell code from comments, strings and regular expressions. */

export interface Masked {
  /** Comments blanked; strings kept. Same length and lines as the source. */
  readonly withStrings: string;
  /** Comments, strings and regular expressions blanked; code inside `${}` kept. */
  readonly codeOnly: string;
}

/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[=(,:;!&|?{}[+\-*%~^<>\n]|\b(?:return|typeof|case|in|of|do|else|void|await|yield))\s*$/;

export function mask(source: string): Masked {
  const withStrings = source.split("");
  const codeOnly = [...withStrings];
  const blank = (target: string[], from: number, to: number) => {
    for (let at = from; at < to; at++) if (target[at] !== "\n") target[at] = " ";
  };
  /** Depth of braces at which each open `${` closes. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;

  const template = (from: number): number => {
    const end = templateEnd(source, from);
    blank(codeOnly, from, end.at);
    if (end.opens) templates.push(depth++);
    return end.at;
  };

  while (at < source.length) {
    const char = source.charAt(at);
    const pair = source.slice(at, at + 2);
    if (pair === "//" || pair === "/*") {
      const end = commentEnd(source, at, pair);
      blank(withStrings, at, end);
      blank(codeOnly, at, end);
      at = end;
    } else if (char === '"' || char === "'") {
      const end = quoteEnd(source, at, char);
      blank(codeOnly, at, end);
      at = end;
    } else if (char === "`") {
      at = template(at + 1);
    } else if (char === "/" && BEFORE_REGEX.test(codeOnly.slice(Math.max(0, at - 20), at).join(""))) {
      const end = regexEnd(source, at);
      blank(codeOnly, at, end);
      at = end;
    } else if (char === "{") {
      depth += 1;
      at += 1;
    } else if (char === "}") {
      depth -= 1;
      at += 1;
      if (templates.at(-1) === depth) {
        templates.pop();
        at = template(at);
      }
    } else {
      at += 1;
    }
  }
  return { withStrings: withStrings.join(""), codeOnly: codeOnly.join("") };
}

export function lineAt(source: string, offset: number): number {
  let line = 1;
  for (let at = source.indexOf("\n"); at !== -1 && at < offset; at = source.indexOf("\n", at + 1)) line += 1;
  return line;
}

export interface Import {
  readonly name: string;
  readonly offset: number;
}

const IMPORTS = [
  /\b(?:import|export)\b[^;"'`]*?\bfrom\s*(["'])(?<name>[^"'\n]+)\1/g,
  /\bimport\s*(["'])(?<name>[^"'\n]+)\1/g,
  /\bimport\s*\(\s*(["'])(?<name>[^"'\n]+)\1/g,
];

/** Every module that is named, types included: a floor is a floor for types as well. */
export function importsOf(masked: Masked): readonly Import[] {
  const found: Import[] = [];
  for (const pattern of IMPORTS) {
    for (const match of masked.withStrings.matchAll(pattern)) {
      const isCode = masked.codeOnly.startsWith(match[0].slice(0, 6), match.index);
      const name = match.groups?.["name"];
      if (isCode && name !== undefined) found.push({ name, offset: match.index + match[0].lastIndexOf(name) });
    }
  }
  return found;
}

function commentEnd(source: string, at: number, opening: string): number {
  const end = opening === "//" ? source.indexOf("\n", at) : source.indexOf("*/", at + 2);
  if (end === -1) return source.length;
  return opening === "//" ? end : end + 2;
}

function quoteEnd(source: string, start: number, quote: string): number {
  for (let at = start + 1; at < source.length; at++) {
    const char = source.charAt(at);
    if (char === "\\") at += 1;
    else if (char === quote || char === "\n") return at + 1;
  }
  return source.length;
}

function templateEnd(source: string, start: number): { readonly at: number; readonly opens: boolean } {
  for (let at = start; at < source.length; at++) {
    if (source.charAt(at) === "\\") at += 1;
    else if (source.charAt(at) === "`") return { at: at + 1, opens: false };
    else if (source.startsWith("${", at)) return { at: at + 2, opens: true };
  }
  return { at: source.length, opens: false };
}

function regexEnd(source: string, start: number): number {
  let isInClass = false;
  for (let at = start + 1; at < source.length; at++) {
    const char = source.charAt(at);
    if (char === "\\") at += 1;
    else if (char === "[") isInClass = true;
    else if (char === "]") isInClass = false;
    else if (char === "\n" || (char === "/" && !isInClass)) return at + 1;
  }
  return source.length;
}
