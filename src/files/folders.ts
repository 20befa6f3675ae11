/** Whole folders, to and from the store: several files at once, none outside of where it belongs. */
import { mkdir, readdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Refusal } from "../system/errors.ts";
import { codeOf, isBelow } from "./inside.ts";
import { below, checkedName, leaves, type Place, uriOf } from "./place.ts";
import { type FileFacts, filesBelow, type FileStore } from "./store.ts";
import { inOrder } from "./together.ts";

const FILES_AT_ONCE = 8;

export interface FolderFacts {
  readonly uri: string;
  readonly size: number;
  readonly files: number;
}

export async function fetchFolder(
  store: FileStore,
  from: Place,
  folder: string,
  signal: AbortSignal,
): Promise<FolderFacts> {
  const sum = { size: 0, files: 0 };
  await inOrder(signal, {
    items: (inner) => filesBelow(store, from, inner),
    limit: FILES_AT_ONCE,
    begin: ({ key }, inner) =>
      fetchBelow(store, { bucket: from.bucket, key }, key.slice(from.key.length), folder, inner),
    take: (facts) => add(sum, facts),
  });
  if (sum.files === 0) throw notFound(uriOf(from), "nothing lies below it");
  return { uri: uriOf(from), ...sum };
}

/** Undefined: the mark of an empty folder, as some programs leave it. */
async function fetchBelow(
  store: FileStore,
  place: Place,
  name: string,
  folder: string,
  signal: AbortSignal,
): Promise<FileFacts | undefined> {
  const path = join(folder, checkedName(name, uriOf(place)));
  if (name === "" || name.endsWith("/")) {
    await makeFolder(path, uriOf(place));
    return undefined;
  }
  return fetchFile(store, place, path, signal);
}

export async function fetchFile(store: FileStore, place: Place, path: string, signal: AbortSignal): Promise<FileFacts> {
  await makeFolder(dirname(path), uriOf(place));
  try {
    return await store.fetch(place, path, signal);
  } catch (error) {
    throw codeOf(error) === "EISDIR" ? clash(uriOf(place)) : error;
  }
}

async function makeFolder(path: string, shown: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw ["EEXIST", "ENOTDIR"].includes(codeOf(error) ?? "") ? clash(shown) : error;
  }
}

/** `root` is what no link may leave. */
export async function sendFolder(
  store: FileStore,
  folder: string,
  to: Place,
  root: string,
  signal: AbortSignal,
): Promise<FolderFacts> {
  const sum = { size: 0, files: 0 };
  const realRoot = await realpath(root);
  await inOrder(signal, {
    items: () => localFiles(folder, "", realRoot),
    limit: FILES_AT_ONCE,
    begin: (name, inner) => store.send(join(folder, name), below(to, checkedName(name, join(folder, name))), inner),
    take: (facts) => add(sum, facts),
  });
  if (sum.files === 0) throw new Refusal("FOLDER_IS_EMPTY", 400, `${folder} has no file: there is nothing to upload.`);
  return { uri: uriOf(to), ...sum };
}

/** Names relative to the folder. A link counts as the file that it leads to, if that lies inside. */
async function* localFiles(folder: string, prefix: string, realRoot: string): AsyncGenerator<string> {
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const name = prefix + entry.name;
    const path = join(folder, name);
    if (entry.isDirectory()) yield* localFiles(folder, `${name}/`, realRoot);
    else if (entry.isFile()) yield name;
    else if (entry.isSymbolicLink()) {
      await refuseLink(path, realRoot);
      yield name;
    } else throw new Refusal("WRONG_FILE_NAME", 400, `${path} is no file: only files and folders can be uploaded.`);
  }
}

async function refuseLink(path: string, realRoot: string): Promise<void> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined || !isBelow(realRoot, real)) throw leaves(path);
  if ((await stat(real)).isFile()) return;
  throw new Refusal("WRONG_FILE_NAME", 400, `${path} is a link to a folder: put the folder itself there.`);
}

function add(sum: { size: number; files: number }, facts: FileFacts | undefined): void {
  if (!facts) return;
  sum.size += facts.size;
  sum.files += 1;
}

export function notFound(uri: string, why = "there is no such file"): Refusal {
  return new Refusal("FILE_NOT_FOUND", 404, `${uri} cannot be read: ${why}.`);
}

function clash(uri: string): Refusal {
  const why = "cannot be kept here, because a file and a folder beside it have the same name";
  return new Refusal("WRONG_FILE_NAME", 400, `${uri} ${why}: rename one of them.`);
}
