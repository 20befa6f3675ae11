/** A finding before it is known where in the user's file it lies. */
export interface Problem {
  readonly severity: "error" | "warning";
  /** In kebab case: stable, people filter by it. */
  readonly rule: string;
  readonly message: string;
  /** Left out: the file as a whole. */
  readonly at?: Spot;
  /** Where it lies in no function: so far into the file's text. */
  readonly inFile?: number;
}

/** A function as it stands in a file. */
export interface Code {
  /** `String(handler)`. */
  readonly text: string;
  /** When it was declared: tells it from others of the same text. */
  readonly order: number;
}

export interface Spot {
  readonly code: Code;
  readonly offset: number;
  /** Not in the function, but so far into the text of its condition. */
  readonly condition?: ConditionSpot;
}

export interface ConditionSpot {
  readonly text: string;
  readonly offset: number;
}

export function problem(
  severity: Problem["severity"],
  rule: string,
  message: string,
  code?: Code,
  offset = 0,
): Problem {
  return { severity, rule, message, ...(code && { at: { code, offset } }) };
}
