/** The refusals that `port.ts` promises, in one place, so that every adapter says the same. */
import { Refusal, type JsonValue } from "../system/errors.ts";

const SPACE_RETRY_SECONDS = 30;

/** Which precondition of a unit did not hold. */
export type Conflict =
  | { readonly kind: "job"; readonly id: string; readonly expected: number; readonly found: number }
  | { readonly kind: "idempotency"; readonly client: string; readonly key: string };

export function storeConflict(conflict: Conflict): Refusal {
  const message =
    conflict.kind === "job"
      ? `job ${conflict.id} is at version ${conflict.found}, not ${conflict.expected}: read it again and decide anew`
      : "this idempotency key has an answer already: read and repeat that answer";
  return new Refusal("STORE_CONFLICT", 409, message, { ...conflict });
}

export function uniqueKeyTaken(jobId: string): Refusal {
  return new Refusal(
    "UNIQUE_KEY_TAKEN",
    409,
    `job ${jobId} has this unique key and is not over: let it end, or cancel it`,
    { job_id: jobId },
  );
}

/** Of a data store of a blueprint: only after another unit failed that was written before. */
export function dataStoreConflict(blueprint: string, store: string): Refusal {
  return new Refusal(
    "DATA_STORE_CONFLICT",
    503,
    `what the handler read of data store "${store}" was not stored after all: send the request again, its handler runs anew`,
    { blueprint, store },
    1,
  );
}

export function storeInvalid(reason: string): Refusal {
  return new Refusal("STORE_INVALID", 500, `the change cannot be stored, correct it: ${reason}`);
}

export function storeFull(): Refusal {
  return new Refusal(
    "STORE_FULL",
    503,
    "no space is left for the database: free some on its disk and send the request again",
    undefined,
    SPACE_RETRY_SECONDS,
  );
}

export function storeClosed(): Refusal {
  return new Refusal("STORE_CLOSED", 503, "the store is stopping: send the request again once the server is back");
}

export function outcomeUnknown(reason: string): Refusal {
  return new Refusal(
    "OUTCOME_UNKNOWN",
    503,
    "the disk failed and the change may or may not be stored: look at the job once the server is back",
    { reason } satisfies JsonValue,
  );
}
