/**
 * Conditions as text:
 *
 *   or         = and ("or" and)*
 *   and        = not ("and" not)*
 *   not        = "not" not | comparison
 *   comparison = operand (("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in") operand)?
 *   operand    = literal | list | path | "(" or ")"
 */
import { syntaxRefusal, type Token, type TokenKind, tokensOf } from "./condition-tokens.ts";

export type Operator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";

export type Expression =
  | { readonly type: "literal"; readonly value: null | boolean | number | string }
  | { readonly type: "list"; readonly items: readonly Expression[] }
  | { readonly type: "path"; readonly root: Root; readonly keys: readonly string[] }
  | { readonly type: "not"; readonly operand: Expression }
  | { readonly type: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | {
      readonly type: "compare";
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    };

/** What a path may begin with: names of the context that hold data. */
const ROOTS = [
  "initialData",
  "stateHistory",
  "aggregationResults",
  "client",
  "error",
  "attempt",
  "jobId",
  "blueprint",
  "currentState",
] as const;
export type Root = (typeof ROOTS)[number];

const ROOT_BY_NAME: ReadonlyMap<string, Root> = new Map(
  ROOTS.flatMap((root): [string, Root][] => [
    [root, root],
    [root.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), root],
  ]),
);

const WORDS: ReadonlyMap<string, null | boolean> = new Map([
  ["True", true],
  ["true", true],
  ["False", false],
  ["false", false],
  ["None", null],
  ["null", null],
]);

const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
/** What people write between two values by the habit of another language. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["is", 'write "== null" or "!= null" for "is None" and "is not None"'],
  ["-", 'a name with "-" in it is written in brackets, such as initial_data["a-b"]; nothing is reckoned here'],
]);

/** Deeper ones would exhaust the program's own stack. */
const DEPTH_MAX = 100;
const RESERVED: ReadonlySet<string> = new Set(["and", "or", "not", "in"]);

/** Throws a Refusal (CONDITION_SYNTAX) that shows the place. */
export function parseExpression(text: string): Expression {
  const parser = new Parser(text);
  const expression = parser.or();
  parser.expectEnd();
  return expression;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  or(): Expression {
    let left = this.#and();
    while (this.#take("name", "or")) left = { type: "or", left, right: this.#and() };
    return left;
  }

  expectEnd(): void {
    const token = this.#token();
    if (token.kind === "end") return;
    const instead = INSTEAD.get(token.text);
    this.#fail(token, instead ?? `expected "and", "or" or the end, found "${token.text}"`);
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#take("name", "and")) left = { type: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    if (this.#take("name", "not")) return this.#deeper(() => ({ type: "not", operand: this.#not() }));
    return this.#comparison();
  }

  #deeper<Part>(read: () => Part): Part {
    if (this.#depth >= DEPTH_MAX) this.#fail(this.#token(), `more than ${DEPTH_MAX} levels deep, use a function`);
    this.#depth += 1;
    const part = read();
    this.#depth -= 1;
    return part;
  }

  #comparison(): Expression {
    const left = this.#operand();
    const operator = this.#operator();
    if (!operator) return left;
    const right = this.#operand();
    const token = this.#token();
    if (this.#operator()) this.#fail(token, 'two comparisons in a row, join them with "and"');
    return { type: "compare", operator, left, right };
  }

  #operator(): Operator | undefined {
    const token = this.#token();
    if (token.kind === "sign" && COMPARISONS.has(token.text)) {
      this.#next += 1;
      return token.text as Operator;
    }
    if (this.#take("name", "in")) return "in";
    if (!this.#take("name", "not")) return undefined;
    this.#expect("name", "in");
    return "not in";
  }

  #operand(): Expression {
    if (this.#take("sign", "(")) {
      const inner = this.#deeper(() => this.or());
      this.#expect("sign", ")");
      return inner;
    }
    if (this.#take("sign", "[")) return this.#deeper(() => this.#list());
    if (this.#take("sign", "-")) return { type: "literal", value: -Number(this.#expect("number").text) };
    const token = this.#token();
    this.#next += 1;
    if (token.kind === "number") return { type: "literal", value: Number(token.text) };
    if (token.kind === "string") return { type: "literal", value: token.text };
    if (token.kind === "name" && !RESERVED.has(token.text)) return this.#nameOrWord(token);
    return this.#fail(token, `expected a value${token.kind === "end" ? "" : `, found "${token.text}"`}`);
  }

  #list(): Expression {
    const items: Expression[] = [];
    while (!this.#take("sign", "]")) {
      if (items.length > 0) {
        this.#expect("sign", ",");
        // Python allows a comma before the closing bracket.
        if (this.#take("sign", "]")) break;
      }
      items.push(this.#operand());
    }
    return { type: "list", items };
  }

  #nameOrWord(token: Token): Expression {
    const word = WORDS.get(token.text);
    return word === undefined ? this.#path(token) : { type: "literal", value: word };
  }

  #path(first: Token): Expression {
    const token = first.text === "context" ? this.#afterContext() : first;
    const root = ROOT_BY_NAME.get(token.text);
    if (!root) this.#fail(token, `"${token.text}" is not known, begin with initial_data, state_history or client`);
    const keys: string[] = [];
    for (;;) {
      if (this.#take("sign", ".")) keys.push(this.#expect("name").text);
      else if (this.#take("sign", "[")) keys.push(this.#key());
      else break;
    }
    const following = this.#token();
    if (following.kind === "sign" && following.text === "(") this.#fail(following, "functions cannot be called here");
    return { type: "path", root, keys };
  }

  #afterContext(): Token {
    this.#expect("sign", ".");
    return this.#expect("name");
  }

  #key(): string {
    const token = this.#token();
    if (token.kind !== "string" && token.kind !== "number") this.#fail(token, "expected a text or a number in [ ]");
    this.#next += 1;
    this.#expect("sign", "]");
    return token.text;
  }

  #token(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "", at: this.#text.length };
  }

  #take(kind: TokenKind, text: string): boolean {
    const token = this.#token();
    const found = token.kind === kind && token.text === text;
    if (found) this.#next += 1;
    return found;
  }

  #expect(kind: TokenKind, text?: string): Token {
    const token = this.#token();
    if (token.kind !== kind || (text !== undefined && token.text !== text)) {
      this.#fail(token, `expected ${text === undefined ? `a ${kind}` : `"${text}"`}${found(token)}`);
    }
    this.#next += 1;
    return token;
  }

  #fail(token: Token, reason: string): never {
    throw syntaxRefusal(this.#text, token.at, reason);
  }
}

function found(token: Token): string {
  return token.kind === "end" ? "" : `, found "${token.text}"`;
}
