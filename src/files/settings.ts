/** What is set about the store of files, as orchestrator and worker understand it: on, off, or wrong. */
import { Refusal } from "../system/errors.ts";
import { isBucketName } from "./place.ts";
import type { FilesSettings } from "./port.ts";

/** As they are given; undefined: not set. */
export interface GivenFilesSettings {
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  readonly accessKey: string | undefined;
  readonly secretKey: string | undefined;
  readonly bucket: string | undefined;
  readonly concurrency: number | undefined;
  readonly patienceSeconds: number | undefined;
}

export interface ReadFilesSettings {
  /** Undefined: there is no store. */
  readonly settings: FilesSettings | undefined;
  /** Set without effect, as sentences. */
  readonly warnings: readonly string[];
}

const DEFAULT_BUCKET = "avtomatika-payloads";
const DEFAULT_REGION = "us-east-1";
const DEFAULT_CONCURRENCY = 100;
/** Longer than most outages of a store; the time limit of a task or of a handler ends it before. */
const DEFAULT_PATIENCE_SECONDS = 120;

/** Throws a Refusal for settings that contradict each other. No message ever holds a key. */
export function readFilesSettings(given: GivenFilesSettings): ReadFilesSettings {
  const { endpoint, accessKey, secretKey, bucket = DEFAULT_BUCKET, region = DEFAULT_REGION } = given;
  if ((accessKey === undefined) !== (secretKey === undefined)) {
    const [set, missing] =
      accessKey === undefined ? ["S3_SECRET_KEY", "S3_ACCESS_KEY"] : ["S3_ACCESS_KEY", "S3_SECRET_KEY"];
    throw wrong(`${set} is set and ${missing} is not: set both, or neither.`);
  }
  if (!isBucketName(bucket)) throw wrong(`S3_BUCKET is ${JSON.stringify(bucket)}: it has to be the name of a bucket.`);
  if (endpoint === undefined) return { settings: undefined, warnings: setInVain(given) };
  checkEndpoint(endpoint);
  const keys = accessKey !== undefined && secretKey !== undefined ? { id: accessKey, secret: secretKey } : undefined;
  const concurrency = given.concurrency ?? DEFAULT_CONCURRENCY;
  const patienceMs = (given.patienceSeconds ?? DEFAULT_PATIENCE_SECONDS) * 1000;
  return { settings: { endpoint, region, bucket, keys, concurrency, patienceMs }, warnings: [] };
}

function setInVain({ bucket, accessKey }: GivenFilesSettings): readonly string[] {
  const set = [...(bucket === undefined ? [] : ["S3_BUCKET"]), ...(accessKey === undefined ? [] : ["S3_ACCESS_KEY"])];
  if (set.length === 0) return [];
  const how = "set S3_ENDPOINT_URL too (for AWS: https://s3.REGION.amazonaws.com)";
  return [`S3 is off, although ${set.join(" and ")} ${set.length === 1 ? "is" : "are"} set: ${how}.`];
}

function checkEndpoint(endpoint: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw wrong(
      `S3_ENDPOINT_URL is ${JSON.stringify(endpoint)}: it has to be an address that begins with http:// or https://.`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw wrong("S3_ENDPOINT_URL has a user or a password in it: give the keys as S3_ACCESS_KEY and S3_SECRET_KEY.");
  }
}

/** For the log: where files lie, and whose keys open it. */
export function describeFiles({ endpoint, bucket, region, keys }: FilesSettings): Record<string, string> {
  return { bucket, endpoint, region, keys: keys ? "given" : "as programs for AWS find them" };
}

function wrong(message: string): Refusal {
  return new Refusal("WRONG_SETTING", 400, message);
}
