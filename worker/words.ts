/** What a handler threw, in words, whatever it was: nothing that is thrown may keep its task from ending. */
import { messageOf } from "../src/system/errors.ts";
import { isRecord } from "./payload.ts";

/** It is kept with the job, and stands in lists of jobs. */
const CHARS_MAX = 4000;

export function wordsOf(error: unknown): string {
  const words = plainWordsOf(error);
  return words.length <= CHARS_MAX ? words : `${words.slice(0, CHARS_MAX - 1).toWellFormed()}…`;
}

function plainWordsOf(error: unknown): string {
  try {
    if (error instanceof Error) return String(error.message) || error.name;
    if (error === undefined) return "The handler threw undefined, which says nothing.";
    if (!isRecord(error)) return messageOf(error);
    const { message } = error;
    return typeof message === "string" && message !== "" ? message : JSON.stringify(error);
  } catch {
    return "The handler threw a value that cannot be shown.";
  }
}
