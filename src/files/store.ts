/** What is asked of a store of files. Every call minds its signal, and tries again while the store is away. */
import type { Place } from "./place.ts";

export interface FileFacts {
  readonly uri: string;
  readonly size: number;
  readonly etag: string;
}

export interface ListedFile {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAtMs: number;
}

export interface FilePage {
  /** By key. */
  readonly files: readonly ListedFile[];
  /** The key that the next page comes after. */
  readonly next: string | undefined;
}

/**
 * Rejects with a Refusal: FILE_NOT_FOUND, BUCKET_NOT_FOUND, FILES_KEYS_MISSING (none are set), FILES_ACCESS_DENIED
 * (wrong keys, or no right to it), FILES_UNREACHABLE (nobody answered for as long as is waited), FILES_REFUSED (all else).
 */
export interface FileStore {
  /** Where jobs have their folders. */
  readonly bucket: string;
  /** Undefined: there is no such file. */
  facts(place: Place, signal: AbortSignal): Promise<FileFacts | undefined>;
  /** The whole file to a local path. Goes on where an earlier try stopped, if the file is the same. */
  fetch(place: Place, path: string, signal: AbortSignal): Promise<FileFacts>;
  /** A local file. */
  send(path: string, place: Place, signal: AbortSignal): Promise<FileFacts>;
  /** What lies in memory, or comes bit by bit. */
  write(content: Uint8Array | AsyncIterable<Uint8Array>, place: Place, signal: AbortSignal): Promise<FileFacts>;
  /** Of all below a folder. */
  page(folder: Place, after: string | undefined, limit: number, signal: AbortSignal): Promise<FilePage>;
  /** What is not there is no error. */
  remove(place: Place, signal: AbortSignal): Promise<void>;
  /** An address by which anybody may get or put the file, for so long. */
  link(place: Place, method: "GET" | "PUT", seconds: number): Promise<string>;
}

const PAGE = 1_000;

export async function* filesBelow(store: FileStore, folder: Place, signal: AbortSignal): AsyncGenerator<ListedFile> {
  let after: string | undefined;
  do {
    const page: FilePage = await store.page(folder, after, PAGE, signal);
    yield* page.files;
    after = page.next;
  } while (after !== undefined);
}
