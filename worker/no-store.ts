/** A handler that is given an s3:// address where no store of files is set: what is missing, in the words of our settings. */
import { isUri } from "../src/files/place.ts";
import { PermanentError } from "./errors.ts";
import { eachString } from "./strings.ts";

/** What the runtime says when the handler opens the address as a file. */
const NO_KEYS = "ERR_S3_MISSING_CREDENTIALS";

/** No attempt on this worker, nor on another that is started like it, would end otherwise. */
export function explained(error: unknown, params: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error) || error.code !== NO_KEYS) return error;
  let uri: string | undefined;
  eachString(params, (text) => {
    if (isUri(text)) uri ??= text;
  });
  if (uri === undefined) return error;
  return new PermanentError(
    `The params name ${uri}, and this worker has no store of files: start it with S3_ENDPOINT_URL, S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_KEY.`,
  );
}
