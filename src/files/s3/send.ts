/**
 * A small file goes in one request, a larger one in parts: each is tried again by itself, so that a
 * store that is away for a minute costs a minute and not the whole file. (lib-storage would end the
 * upload with its first part that fails for good after a few quick tries.)
 */
import { open } from "node:fs/promises";
import { Refusal } from "../../system/errors.ts";
import { type Place, uriOf } from "../place.ts";
import type { FileFacts } from "../store.ts";
import { inOrder } from "../together.ts";
import { bare, PART_BYTES, PARTS_AT_ONCE } from "./fetch.ts";
import { judge } from "./failures.ts";
import { Failed, type Requests } from "./requests.ts";
import { Ring } from "./ring.ts";

const PARTS_MAX = 10_000;
const ABORT_MS = 10_000;

export async function sendFile(
  requests: Requests,
  path: string,
  place: Place,
  signal: AbortSignal,
): Promise<FileFacts> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const partBytes = Math.max(PART_BYTES, Math.ceil(size / (PARTS_MAX - 1)));
    const send = () => sendParts(requests, slices(file, size, partBytes), place, signal);
    return await (size <= PART_BYTES ? send() : requests.large.run(send, signal));
  } finally {
    await file.close();
  }
}

export async function sendBytes(
  requests: Requests,
  bytes: Uint8Array,
  place: Place,
  signal: AbortSignal,
): Promise<FileFacts> {
  async function* parts() {
    for (let at = 0; at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES);
  }
  return sendParts(requests, parts(), place, signal);
}

type ReadableFile = Awaited<ReturnType<typeof open>>;

async function* slices(file: ReadableFile, size: number, partBytes: number): AsyncGenerator<Uint8Array> {
  const ring = new Ring(Math.min(partBytes, size), PARTS_AT_ONCE + 1);
  for (let at = 0; at < size;) {
    const bytes = ring.next(Math.min(partBytes, size - at));
    for (let filled = 0; filled < bytes.length;) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, at + filled);
      if (bytesRead === 0)
        throw new Refusal("FILE_CHANGES", 409, "A file became shorter while it was uploaded: upload it again.");
      filled += bytesRead;
    }
    at += bytes.length;
    yield bytes;
  }
}

/** Chunks of any size, as parts of one size. */
export async function* partsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const ring = new Ring(PART_BYTES, PARTS_AT_ONCE + 1);
  let part = ring.next(PART_BYTES);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let taken = 0; taken < chunk.length;) {
      const piece = chunk.subarray(taken, taken + PART_BYTES - filled);
      part.set(piece, filled);
      filled += piece.length;
      taken += piece.length;
      if (filled < PART_BYTES) continue;
      yield part;
      part = ring.next(PART_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

export async function sendParts(
  requests: Requests,
  parts: AsyncGenerator<Uint8Array>,
  place: Place,
  signal: AbortSignal,
): Promise<FileFacts> {
  try {
    const first = await parts.next();
    const bytes = first.done === true ? new Uint8Array() : first.value;
    const second = first.done === true ? first : await parts.next();
    if (second.done === true) return await put(requests, bytes, place, signal);
    return await sendInParts(requests, ahead([bytes, second.value], parts), place, signal);
  } finally {
    await parts.return(undefined);
  }
}

async function* ahead(read: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* read;
  yield* rest;
}

async function put(requests: Requests, bytes: Uint8Array, place: Place, signal: AbortSignal): Promise<FileFacts> {
  const { bucket: Bucket, key: Key } = place;
  const { ETag = "" } = await requests.get(place, signal, ({ sdk, client }, abortSignal) =>
    client.send(new sdk.PutObjectCommand({ Bucket, Key, Body: bytes }), { abortSignal }),
  );
  return { uri: uriOf(place), size: bytes.length, etag: bare(ETag) };
}

interface SentPart {
  readonly PartNumber: number;
  readonly ETag: string;
  readonly bytes: number;
}

async function sendInParts(
  requests: Requests,
  parts: AsyncIterable<Uint8Array>,
  place: Place,
  signal: AbortSignal,
): Promise<FileFacts> {
  const { bucket: Bucket, key: Key } = place;
  const { UploadId } = await requests.get(place, signal, ({ sdk, client }, abortSignal) =>
    client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key }), { abortSignal }),
  );
  const sent: SentPart[] = [];
  try {
    await inOrder(signal, {
      items: () => numbered(parts),
      limit: PARTS_AT_ONCE,
      begin: async ([PartNumber, bytes], inner): Promise<SentPart> => {
        const { ETag = "" } = await requests.get(place, inner, ({ sdk, client }, abortSignal) =>
          client.send(new sdk.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body: bytes }), { abortSignal }),
        );
        return { PartNumber, ETag, bytes: bytes.length };
      },
      take: (part) => void sent.push(part),
    });
    return await complete(requests, place, UploadId, sent, signal);
  } catch (error) {
    await abandon(requests, place, UploadId);
    throw error;
  }
}

async function* numbered(parts: AsyncIterable<Uint8Array>): AsyncGenerator<[number, Uint8Array]> {
  let number = 0;
  for await (const bytes of parts) {
    number += 1;
    if (number > PARTS_MAX) throw tooLarge();
    yield [number, bytes];
  }
}

async function complete(
  requests: Requests,
  place: Place,
  UploadId: string | undefined,
  sent: readonly SentPart[],
  signal: AbortSignal,
): Promise<FileFacts> {
  const { bucket: Bucket, key: Key } = place;
  const size = sent.reduce((sum, { bytes }) => sum + bytes, 0);
  const Parts = sent.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
  const answer = await requests.ask(place, signal, ({ sdk, client }, abortSignal) =>
    client.send(new sdk.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }), {
      abortSignal,
    }),
  );
  if (!(answer instanceof Failed)) return { uri: uriOf(place), size, etag: bare(answer.ETag ?? "") };
  // The first try may have arrived, and only its answer got lost: then the upload is gone and the file is there.
  const head = await requests.ask(place, signal, ({ sdk, client }, abortSignal) =>
    client.send(new sdk.HeadObjectCommand({ Bucket, Key }), { abortSignal }),
  );
  const isThere = answer.failure.type === "no-upload" && !(head instanceof Failed) && head.ContentLength === size;
  if (!isThere) throw requests.refusal(answer.failure, place);
  return { uri: uriOf(place), size, etag: bare(head.ETag ?? "") };
}

/** The parts would lie there and cost money. Tried once: a store that is away has rules of its own for what is left. */
async function abandon(requests: Requests, place: Place, UploadId: string | undefined): Promise<void> {
  const { sdk, client } = await requests.open();
  const limit = requests.limit(ABORT_MS);
  try {
    const command = new sdk.AbortMultipartUploadCommand({ Bucket: place.bucket, Key: place.key, UploadId });
    await client.send(command, { abortSignal: limit.signal });
  } catch (error) {
    if (judge(error).type !== "no-upload") requests.tellLeft(place, UploadId, error);
  } finally {
    limit.cancel();
  }
}

function tooLarge(): Refusal {
  const gigabytes = Math.floor((PARTS_MAX * PART_BYTES) / 1024 ** 3);
  return new Refusal(
    "FILE_TOO_LARGE",
    413,
    `The file has more than ${gigabytes} GB: send it by a link to the store itself.`,
  );
}
