/** What a worker's answer means for the job that waits for it. */
import type { WorkerResult } from "../protocol/worker.ts";
import type { JobError, RetryPolicy } from "./model.ts";

export type Outcome =
  | { readonly kind: "status"; readonly status: string }
  | { readonly kind: "cancelled" }
  /** Worth another attempt, while there are some. */
  | { readonly kind: "transient"; readonly error: JobError }
  /** The end of the matter: `endsAs` is the status of a job that ends by it. */
  | { readonly kind: "final"; readonly endsAs: "failed" | "quarantined"; readonly error: JobError };

const QUARANTINED: ReadonlySet<string> = new Set([
  "PERMANENT_ERROR",
  "SECURITY_ERROR",
  "DEPENDENCY_ERROR",
  "CONTRACT_VIOLATION_ERROR",
]);
const FAILED: ReadonlySet<string> = new Set(["INVALID_INPUT_ERROR", "INTEGRITY_MISMATCH_ERROR"]);

export function outcomeOf(result: WorkerResult): Outcome {
  if (result.status === "cancelled") return { kind: "cancelled" };
  if (result.status !== "failure") return { kind: "status", status: result.status };

  const code = result.error?.code ?? "TRANSIENT_ERROR";
  const message = result.error?.message ?? "The worker reported a failure without a reason.";
  if (QUARANTINED.has(code)) {
    return {
      kind: "final",
      endsAs: "quarantined",
      error: { code, message: `Task failed with permanent error: ${message}` },
    };
  }
  if (FAILED.has(code)) {
    return {
      kind: "final",
      endsAs: "failed",
      error: { code, message: `Task failed due to invalid input: ${message}` },
    };
  }
  return { kind: "transient", error: { code, message } };
}

/** Full jitter over the upper half: retries of many jobs do not come back together, none comes at once. */
export function backoffMs(retry: RetryPolicy, failedAttempts: number, chance: number): number {
  // Held below infinity: no pause at all times infinity would be no number.
  const growth = Math.min(Number.MAX_VALUE, retry.factor ** (failedAttempts - 1));
  const full = Math.min(retry.maxBackoffMs, retry.backoffMs * growth);
  return Math.round(full * (0.5 + chance / 2));
}
