/** A finding before it is known where in the user's file it lies. */
export interface Problem {
  readonly severity: "error" | "warning";
  /** In kebab case: stable, people filter by it. */
  readonly rule: string;
  readonly message: string;
  /** A function's text and an offset in it. Left out: the file as a whole. */
  readonly at?: { readonly text: string; readonly offset: number };
}

export function problem(
  severity: Problem["severity"],
  rule: string,
  message: string,
  text?: string,
  offset = 0,
): Problem {
  return { severity, rule, message, ...(text !== undefined && { at: { text, offset } }) };
}
