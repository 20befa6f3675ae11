/**
 * What a handler throws to choose the error code of its failure. The code lies under a registered
 * symbol, so that an error of another copy of this module counts as well.
 */
export const ERROR_CODE: unique symbol = Symbol.for("orchestrator.worker.errorCode");

/** What a failure says beside its sentence, as JSON. */
export const ERROR_DETAILS: unique symbol = Symbol.for("orchestrator.worker.errorDetails");

/** Worth another attempt: the service is down, the network broke. */
export class TransientError extends Error {
  override readonly name: string = "TransientError";
  readonly [ERROR_CODE] = "TRANSIENT_ERROR";
}

/** Another attempt would end the same way. */
export class PermanentError extends Error {
  override readonly name: string = "PermanentError";
  readonly [ERROR_CODE] = "PERMANENT_ERROR";
}

/** The params are wrong: whoever started the job has to change them. */
export class InvalidInputError extends Error {
  override readonly name: string = "InvalidInputError";
  readonly [ERROR_CODE] = "INVALID_INPUT_ERROR";
}

export const VIOLATION = "CONTRACT_VIOLATION_ERROR";

/** An event was not taken: `code` says why. Not caught by the handler, it fails the task for good. */
export class EventRefused extends Error {
  override readonly name: string = "EventRefused";
  readonly [ERROR_CODE]: string;

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this[ERROR_CODE] = code === VIOLATION ? VIOLATION : "PERMANENT_ERROR";
  }
}

export function errorCodeOf(error: unknown): string {
  if (typeof error === "object" && error !== null && ERROR_CODE in error && typeof error[ERROR_CODE] === "string") {
    return error[ERROR_CODE];
  }
  return "TRANSIENT_ERROR";
}

export function errorDetailsOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && ERROR_DETAILS in error ? error[ERROR_DETAILS] : undefined;
}
