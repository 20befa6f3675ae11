/** The store of files on S3, and on all that speaks as it does. */
import { isFolder, type Place, uriOf, wrongName } from "../place.ts";
import type { FilePage, FileStore } from "../store.ts";
import { bare, fetchToFile } from "./fetch.ts";
import { Failed, type RequestParts, Requests } from "./requests.ts";
import { partsOf, sendBytes, sendFile, sendParts } from "./send.ts";

export function openS3Store(parts: RequestParts): FileStore {
  const requests = new Requests(parts);
  return {
    bucket: parts.settings.bucket,
    facts: (place, signal) => factsOf(requests, place, signal),
    fetch: (place, path, signal) => fetchToFile(requests, checkedFile(place), path, signal),
    send: (path, place, signal) => sendFile(requests, path, checkedFile(place), signal),
    write(content, place, signal) {
      const to = checkedFile(place);
      if (content instanceof Uint8Array) return sendBytes(requests, content, to, signal);
      return sendParts(requests, partsOf(content), to, signal);
    },
    page: (folder, after, limit, signal) => pageOf(requests, folder, after, limit, signal),
    async remove({ bucket: Bucket, key: Key }, signal) {
      await requests.get({ bucket: Bucket, key: Key }, signal, ({ sdk, client }, abortSignal) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket, Key }), { abortSignal }),
      );
    },
    async link(place, method, seconds) {
      const { bucket: Bucket, key: Key } = checkedFile(place);
      const { sdk, client } = await requests.open();
      const command =
        method === "GET" ? new sdk.GetObjectCommand({ Bucket, Key }) : new sdk.PutObjectCommand({ Bucket, Key });
      return sdk.getSignedUrl(client, command, { expiresIn: seconds });
    },
  };
}

function checkedFile(place: Place): Place {
  if (isFolder(place)) throw wrongName(uriOf(place), "is a folder, and a file is needed");
  return place;
}

async function factsOf(requests: Requests, place: Place, signal: AbortSignal) {
  const { bucket: Bucket, key: Key } = checkedFile(place);
  const answer = await requests.ask(place, signal, ({ sdk, client }, abortSignal) =>
    client.send(new sdk.HeadObjectCommand({ Bucket, Key }), { abortSignal }),
  );
  if (!(answer instanceof Failed)) {
    return { uri: uriOf(place), size: answer.ContentLength ?? 0, etag: bare(answer.ETag ?? "") };
  }
  if (answer.failure.type !== "no-file") throw requests.refusal(answer.failure, place);
  // This answer has no words: it says the same of a file and of a bucket that is not there.
  const bucket = await requests.ask(place, signal, ({ sdk, client }, abortSignal) =>
    client.send(new sdk.HeadBucketCommand({ Bucket }), { abortSignal }),
  );
  // Whoever may read files need not be allowed to look at their bucket.
  if (!(bucket instanceof Failed) || bucket.failure.type === "denied") return undefined;
  const isGone = bucket.failure.type === "no-file";
  throw requests.refusal(isGone ? { type: "no-bucket" } : bucket.failure, place);
}

async function pageOf(
  requests: Requests,
  folder: Place,
  after: string | undefined,
  limit: number,
  signal: AbortSignal,
): Promise<FilePage> {
  const { bucket: Bucket, key: Prefix } = folder;
  // The older of the two ways to list: it goes on after a name, and every store knows it.
  const { Contents = [], IsTruncated } = await requests.get(folder, signal, ({ sdk, client }, abortSignal) =>
    client.send(new sdk.ListObjectsCommand({ Bucket, Prefix, Marker: after, MaxKeys: limit }), { abortSignal }),
  );
  const files = Contents.flatMap(({ Key, Size = 0, ETag = "", LastModified }) =>
    Key === undefined ? [] : [{ key: Key, size: Size, etag: bare(ETag), modifiedAtMs: LastModified?.getTime() ?? 0 }],
  );
  return { files, next: IsTruncated === true ? files.at(-1)?.key : undefined };
}
