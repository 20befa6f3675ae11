/** What a failed request means: worth another try, or said to whoever asked. */
import { Refusal } from "../../system/errors.ts";
import { notFound } from "../folders.ts";
import { type Place, uriOf } from "../place.ts";

export type Failure =
  /** The store is away, slow or overloaded. */
  | { readonly type: "away"; readonly why: string }
  | { readonly type: "no-file" | "no-bucket" | "no-upload" | "no-keys" | "denied" | "no-range" }
  | { readonly type: "refused"; readonly why: string };

const NO_FILE = ["NoSuchKey", "NotFound"];
const DENIED = [
  "AccessDenied",
  "AllAccessDisabled",
  "ExpiredToken",
  "InvalidAccessKeyId",
  "InvalidToken",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
];
const AWAY_STATUS = [408, 425, 429];
const AWAY = ["RequestTimeout", "SlowDown", "ThrottlingException", "TooManyRequests", "RequestTimeoutException"];
/** Without these the SDK never gets as far as the store. */
const NO_KEYS = ["CredentialsProviderError", "TokenProviderError"];

/** An answer that stopped in the middle, or that came later than it may. */
export class Broken extends Error {
  override readonly name = "Broken";
}

export function judge(error: unknown): Failure {
  const { name, status, message } = factsOf(error);
  if (name === "NoSuchBucket") return { type: "no-bucket" };
  if (name === "NoSuchUpload") return { type: "no-upload" };
  if (name === "InvalidRange" || status === 416) return { type: "no-range" };
  if (NO_KEYS.includes(name)) return { type: "no-keys" };
  if (DENIED.includes(name) || status === 401 || status === 403) return { type: "denied" };
  if (NO_FILE.includes(name) || status === 404) return { type: "no-file" };
  if (AWAY.includes(name) || AWAY_STATUS.includes(status ?? 0)) return { type: "away", why: name };
  if (status !== undefined && status >= 400 && status < 500) return { type: "refused", why: `${name} (${status})` };
  // The SDK says it in words about its own parts.
  if (name === "TimeoutError") return { type: "away", why: "it did not answer in time" };
  // A server that fails, and all that never became an answer.
  return { type: "away", why: status === undefined || status < 500 ? message : `${name} (${status})` };
}

function factsOf(error: unknown): { name: string; status: number | undefined; message: string } {
  if (!(error instanceof Error)) return { name: "Unknown", status: undefined, message: String(error) };
  const metadata = "$metadata" in error ? (error.$metadata as { httpStatusCode?: number } | undefined) : undefined;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const message = (error.message.split("\n")[0] ?? "").slice(0, 200);
  return { name: error.name, status: metadata?.httpStatusCode, message: message || code || error.name };
}

export function isAwsAt(endpoint: string): boolean {
  return /(^|\.)amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);
}

export function refusalOf(failure: Failure, place: Place, endpoint: string): Refusal {
  const uri = uriOf(place);
  switch (failure.type) {
    case "no-file":
    case "no-upload":
    case "no-range":
      return notFound(uri);
    case "no-bucket":
      return new Refusal(
        "BUCKET_NOT_FOUND",
        500,
        `There is no bucket "${place.bucket}" at ${endpoint}: make it, or set S3_BUCKET to one that is there.`,
      );
    case "no-keys":
      return new Refusal(
        // A machine of AWS gets its keys from a service of its own, which may be late; elsewhere nobody will bring them.
        isAwsAt(endpoint) ? "FILES_ACCESS_DENIED" : "FILES_KEYS_MISSING",
        500,
        `There are no keys for the store at ${endpoint}, so ${uri} cannot be used: set S3_ACCESS_KEY and S3_SECRET_KEY.`,
      );
    case "denied":
      return new Refusal(
        "FILES_ACCESS_DENIED",
        500,
        `The store at ${endpoint} refuses ${uri}: check S3_ACCESS_KEY and S3_SECRET_KEY, what they may do in the bucket, and the clock of this machine.`,
      );
    case "away":
      return new Refusal(
        "FILES_UNREACHABLE",
        503,
        `The store at ${endpoint} could not be used for ${uri} (${failure.why}): check that it runs and that S3_ENDPOINT_URL is right, then try again.`,
        undefined,
        5,
      );
    case "refused":
      return new Refusal(
        "FILES_REFUSED",
        500,
        `The store at ${endpoint} refuses ${uri} with ${failure.why}: its own log says more.`,
      );
    default:
      return failure satisfies never;
  }
}
