/** The exit codes that scripts rely on. */
import { type JsonValue, Refusal } from "../system/errors.ts";

export const EXIT = {
  done: 0,
  wentWrong: 1,
  wrongUse: 2,
  noServer: 3,
  refused: 4,
  notFound: 5,
} as const;

/** A command that ends with something to say and a code of its own. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  constructor(
    readonly exitCode: number,
    readonly code: string,
    message: string,
    /** What the server answered, where it did: `message` tells people the same. */
    readonly answer: { readonly status?: number; readonly error?: string; readonly details?: JsonValue } = {},
  ) {
    super(message);
  }
}

/** By what the server answered. */
export function exitCodeOfStatus(status: number): number {
  if (status === 401 || status === 403 || status === 429) return EXIT.refused;
  if (status === 404) return EXIT.notFound;
  if (status === 400) return EXIT.wrongUse;
  return EXIT.wentWrong;
}

/** By what was thrown: a Refusal inside of this program is about how it was called. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailure) return error.exitCode;
  return error instanceof Refusal ? EXIT.wrongUse : EXIT.wentWrong;
}
