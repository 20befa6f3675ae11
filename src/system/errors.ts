/** JSON as it travels and is stored. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonMap;
export type JsonMap = { [key: string]: JsonValue | undefined };

/**
 * Something that was expected to be able to go wrong: it has a stable code, a status that any
 * door can map, and one sentence that says what to do. A broken invariant is an `assert` instead.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
    readonly details?: JsonValue,
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
}

export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed";
}

/** A broken invariant: the actor that sees it crashes, and its supervisor decides. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message);
}

export function assertNever(value: never): never {
  throw new AssertionFailed(`no case for ${JSON.stringify(value)}`);
}

/** What a caught value has to say, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? withoutCode(error.message) : String(error);
}

/** To "… is not a function" the engine adds the whole call as it stands in the code, over as many lines as it has. */
function withoutCode(message: string): string {
  return /^(.*? is not a (?:function|constructor))\. \(In '/s.exec(message)?.[1] ?? message;
}
