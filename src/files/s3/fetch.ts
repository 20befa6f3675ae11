/**
 * A file comes in parts, a few at once and written in order: the memory has a limit, and what an
 * interrupted try has written is there for the next one, as long as the file is still the same.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { Refusal } from "../../system/errors.ts";
import { codeOf } from "../inside.ts";
import { type Place, uriOf } from "../place.ts";
import type { FileFacts } from "../store.ts";
import { inOrder } from "../together.ts";
import { Broken } from "./failures.ts";
import { Failed, type Requests } from "./requests.ts";
import { Ring } from "./ring.ts";

export const PART_BYTES = 8 * 1024 * 1024;
export const PARTS_AT_ONCE = 3;
const CHANGES_MAX = 3;

interface Part {
  readonly bytes: Uint8Array;
  /** Of the whole file. */
  readonly size: number;
  readonly etag: string;
}

export async function fetchToFile(
  requests: Requests,
  place: Place,
  path: string,
  signal: AbortSignal,
): Promise<FileFacts> {
  for (let changes = 0; changes < CHANGES_MAX; changes++) {
    const first = await readPart(requests, place, 0, undefined, signal);
    const partial = `${path}.${tagOf(first)}.part`;
    const isSmall = first.bytes.length === first.size;
    const fillIt = () => fill(requests, place, first, partial, signal);
    if (!(await (isSmall ? fillIt() : requests.large.run(fillIt, signal)))) continue;
    await takeInto(partial, path);
    return { uri: uriOf(place), size: first.size, etag: first.etag };
  }
  throw new Refusal(
    "FILE_CHANGES",
    503,
    `${uriOf(place)} was replaced again and again while it was read: try again later.`,
  );
}

/** Two who fetch the same file at the same time write the same bytes to the same places. */
async function takeInto(partial: string, path: string): Promise<void> {
  try {
    await rename(partial, path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" || !(await Bun.file(path).exists())) throw error;
  }
}

/** Another content has another name: what is left of an older one is never mixed with it. */
function tagOf({ etag, size }: Part): string {
  return createHash("sha256").update(`${etag} ${size}`).digest("hex").slice(0, 12);
}

/** False: the file is another one meanwhile. */
async function fill(
  requests: Requests,
  place: Place,
  first: Part,
  partial: string,
  signal: AbortSignal,
): Promise<boolean> {
  const file = await open(partial, "a").then((made) => made.close().then(() => open(partial, "r+")));
  let isSame = true;
  try {
    const doneBytes = Math.floor((await file.stat()).size / PART_BYTES) * PART_BYTES;
    if (doneBytes === 0) await writeAll(file, first.bytes, 0);
    let at = Math.max(doneBytes, first.bytes.length);
    const ring = new Ring(PART_BYTES, PARTS_AT_ONCE + 1);
    await inOrder(signal, {
      items: () => offsets(at, first.size),
      limit: PARTS_AT_ONCE,
      begin: (offset, inner) => readPart(requests, place, offset, ring.next(), inner),
      async take(part) {
        isSame &&= part.etag === first.etag && part.size === first.size;
        if (!isSame) return;
        await writeAll(file, part.bytes, at);
        at += part.bytes.length;
      },
    });
    if (isSame) await file.truncate(first.size);
  } finally {
    await file.close();
  }
  if (!isSame) await rm(partial, { force: true });
  return isSame;
}

async function* offsets(from: number, size: number): AsyncGenerator<number> {
  for (let offset = from; offset < size; offset += PART_BYTES) yield offset;
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** `memory` left out: as much as it needs. */
async function readPart(
  requests: Requests,
  place: Place,
  offset: number,
  memory: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<Part> {
  const answer = await requests.ask(place, signal, async ({ sdk, client }, abortSignal) => {
    const range = `bytes=${offset}-${offset + PART_BYTES - 1}`;
    const command = new sdk.GetObjectCommand({ Bucket: place.bucket, Key: place.key, Range: range });
    const { Body, ETag = "", ContentRange, ContentLength = 0 } = await client.send(command, { abortSignal });
    const size = sizeIn(ContentRange) ?? ContentLength;
    const length = Math.max(0, Math.min(PART_BYTES, size - offset));
    const bytes = (memory ?? new Uint8Array(length)).subarray(0, length);
    // Of an empty file there is nothing to read; some promise a byte all the same.
    if (length > 0) await fillFrom(Body as AsyncIterable<Uint8Array> | undefined, bytes);
    return { bytes, size, etag: bare(ETag) };
  });
  if (!(answer instanceof Failed)) return answer;
  // An empty file has no first byte. One that became shorter meanwhile is another one.
  if (answer.failure.type === "no-range") return { bytes: new Uint8Array(), size: 0, etag: "" };
  throw requests.refusal(answer.failure, place);
}

async function fillFrom(body: AsyncIterable<Uint8Array> | undefined, bytes: Uint8Array): Promise<void> {
  let filled = 0;
  for await (const chunk of body ?? []) {
    if (filled + chunk.length > bytes.length) throw new Broken("the answer is longer than it said");
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  // A connection that broke may look like the end of the answer.
  if (filled < bytes.length) throw new Broken("the answer stopped in the middle");
}

/** "bytes 0-9/200": 200 */
function sizeIn(range: string | undefined): number | undefined {
  const size = /\/(\d+)$/.exec(range ?? "")?.[1];
  return size === undefined ? undefined : Number(size);
}

/** Stores put quotes around it. */
export function bare(etag: string): string {
  return etag.replaceAll('"', "");
}
