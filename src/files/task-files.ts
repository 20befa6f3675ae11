/** `context.taskFiles`: what handlers do with the files of their job. */
import { mkdirSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { type JsonValue, messageOf, Refusal } from "../system/errors.ts";
import { fetchFile, fetchFolder, sendFolder } from "./folders.ts";
import { insidePath, isNothingThere } from "./inside.ts";
import {
  below,
  checkedName,
  isFolder,
  isUri,
  jobFolder,
  leaves,
  type Place,
  readUri,
  uriOf,
  wrongName,
} from "./place.ts";
import type { FilesHost, RunFiles, TaskFiles } from "./port.ts";
import { filesBelow, type FileStore } from "./store.ts";
import { inOrder } from "./together.ts";

/** In a handler a text lies in the memory that all jobs share. */
const TEXT_BYTES_MAX = 32 * 1024 * 1024;
/** What was fetched from elsewhere: no name of the job's own folder begins so. */
const ELSEWHERE = ".elsewhere";
const DELETES_AT_ONCE = 16;

export interface TaskFilesParts {
  readonly store: FileStore;
  /** Local copies lie below it, a folder for each job. */
  readonly folder: string;
}

export function createTaskFiles(parts: TaskFilesParts): FilesHost {
  // Two calls for one file wait for one download.
  const underWay = new Map<string, Promise<void>>();
  return { begin: (jobId, signal) => new JobFiles(parts, jobId, signal, underWay) };
}

/** Where a job's local copies lie. */
export function localFolder(folder: string, jobId: string): string {
  return join(resolve(folder), encodeURIComponent(jobId));
}

class JobFiles implements RunFiles {
  readonly files: TaskFiles;
  pending = 0;
  readonly #store: FileStore;
  readonly #home: Place;
  readonly #local: string;

  constructor(
    { store, folder }: TaskFilesParts,
    jobId: string,
    private readonly signal: () => AbortSignal,
    private readonly underWay: Map<string, Promise<void>>,
  ) {
    this.#store = store;
    this.#home = jobFolder(store.bucket, jobId);
    this.#local = localFolder(folder, jobId);
    // Handlers take these out of their object: none may need `this`.
    this.files = {
      download: (name) => this.#counted(() => this.#download(name)),
      upload: (localPath, name) => this.#counted(() => this.#upload(localPath, name)),
      readText: (name) => this.#counted(() => this.#readText(name)),
      readJson: <T>(name: string) => this.#counted(async () => readJson<T>(name, await this.#readText(name))),
      writeText: (name, text) => this.#counted(() => this.#write(name, text)),
      writeJson: (name, value) => this.#counted(() => this.#write(name, jsonText(name, value))),
      list: (prefix = "") => this.#counted(() => this.#list(prefix)),
      exists: (name) => this.#counted(() => this.#exists(name)),
      delete: (name) => this.#counted(() => this.#delete(name)),
      pathTo: (name) => this.#pathTo(name),
    };
  }

  async #counted<Result>(call: () => Promise<Result>): Promise<Result> {
    this.pending += 1;
    try {
      this.signal().throwIfAborted();
      return await call();
    } finally {
      this.pending -= 1;
    }
  }

  async #download(name: string): Promise<string> {
    const place = this.#placeOf(name);
    const path = await this.#localOf(name, place);
    await this.#once(uriOf(place), () => this.#fetch(place, path));
    return path;
  }

  async #fetch(place: Place, path: string): Promise<void> {
    if (isFolder(place)) await fetchFolder(this.#store, place, path, this.signal());
    else if (!(await isThere(path))) await fetchFile(this.#store, place, path, this.signal());
  }

  async #once(uri: string, fetch: () => Promise<void>): Promise<void> {
    const key = `${this.#local} ${uri}`;
    const running = this.underWay.get(key);
    // One that belongs to another run may be given up with it: then it is this one's turn.
    if (
      running &&
      (await running.then(
        () => true,
        () => false,
      ))
    )
      return;
    const own = fetch();
    this.underWay.set(key, own);
    try {
      await own;
    } finally {
      if (this.underWay.get(key) === own) this.underWay.delete(key);
    }
  }

  async #upload(localPath: string, name: string | undefined): Promise<string> {
    const path = await insidePath(this.#local, localPath, localPath);
    const facts = await stat(path).catch(() => undefined);
    if (!facts)
      throw new Refusal(
        "FILE_NOT_FOUND",
        404,
        `There is no file ${JSON.stringify(localPath)} in the job's local folder to upload.`,
      );
    const target = name ?? relative(this.#local, resolve(this.#local, localPath)).split("\\").join("/");
    if (!facts.isDirectory()) return (await this.#store.send(path, this.#ownFile(target), this.signal())).uri;
    const folder = target === "" || target.endsWith("/") ? target : `${target}/`;
    return (await sendFolder(this.#store, path, this.#own(folder), this.#local, this.signal())).uri;
  }

  async #readText(name: string): Promise<string> {
    if (isFolder(this.#placeOf(name))) throw wrongName(name, "is a folder, and a file is needed");
    const path = await this.#download(name);
    const { size } = await stat(path);
    if (size > TEXT_BYTES_MAX) {
      const megabytes = TEXT_BYTES_MAX / 1024 ** 2;
      throw new Refusal(
        "FILE_TOO_LARGE",
        413,
        `${JSON.stringify(name)} has ${size} bytes, and a text may have ${megabytes} MB: download it, or hand it to a worker.`,
      );
    }
    return readFile(path, "utf8");
  }

  /** The store first: what lies here alone would look as if it were kept. */
  async #write(name: string, text: string): Promise<string> {
    const place = this.#ownFile(name);
    const path = await this.#localOf(name, place);
    const bytes = new TextEncoder().encode(text);
    const { uri } = await this.#store.write(bytes, place, this.signal());
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
    return uri;
  }

  async #list(prefix: string): Promise<string[]> {
    const isElsewhere = isUri(prefix);
    const place = isElsewhere ? readUri(prefix) : below(this.#home, checkedName(prefix));
    const names: string[] = [];
    for await (const { key } of filesBelow(this.#store, place, this.signal())) {
      names.push(isElsewhere ? uriOf({ bucket: place.bucket, key }) : key.slice(this.#home.key.length));
    }
    return names;
  }

  async #exists(name: string): Promise<boolean> {
    const place = this.#placeOf(name);
    if (!isFolder(place)) return (await this.#store.facts(place, this.signal())) !== undefined;
    return (await this.#store.page(place, undefined, 1, this.signal())).files.length > 0;
  }

  async #delete(name: string): Promise<void> {
    const place = this.#own(name);
    const path = await this.#localOf(name, place);
    if (isFolder(place)) await removeBelow(this.#store, place, this.signal());
    else await this.#store.remove(place, this.signal());
    await rm(path, { recursive: true, force: true });
  }

  #pathTo(name: string): string {
    const place = this.#own(name);
    const path = join(this.#local, place.key.slice(this.#home.key.length));
    mkdirSync(isFolder(place) ? path : dirname(path), { recursive: true, mode: 0o700 });
    return path.replace(/\/$/, "");
  }

  #placeOf(name: string): Place {
    if (isUri(name)) return readUri(name);
    if (name === "") throw wrongName(name, "is empty");
    return below(this.#home, checkedName(name));
  }

  /** Only there a job writes. */
  #own(name: string): Place {
    const place = isUri(name) ? readUri(name) : below(this.#home, checkedName(name));
    const isOwn = place.bucket === this.#home.bucket && place.key.startsWith(this.#home.key);
    if (!isOwn) throw leaves(name);
    if (name === "") throw wrongName(name, "is empty");
    return place;
  }

  #ownFile(name: string): Place {
    const place = this.#own(name);
    if (isFolder(place)) throw wrongName(name, "is a folder, and a file is needed");
    return place;
  }

  async #localOf(name: string, { bucket, key }: Place): Promise<string> {
    const isOwn = bucket === this.#home.bucket && key.startsWith(this.#home.key);
    const way = isOwn ? key.slice(this.#home.key.length) : join(ELSEWHERE, bucket, key);
    if (isOwn && way.split("/")[0] === ELSEWHERE) throw wrongName(name, `begins with ${ELSEWHERE}`);
    // Links that a handler put there lead nowhere else.
    return insidePath(this.#local, join(this.#local, way), name);
  }
}

export async function removeBelow(store: FileStore, folder: Place, signal: AbortSignal): Promise<void> {
  await inOrder(signal, {
    items: (inner) => filesBelow(store, folder, inner),
    limit: DELETES_AT_ONCE,
    begin: ({ key }, inner) => store.remove({ bucket: folder.bucket, key }, inner),
    take: () => undefined,
  });
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (isNothingThere(error)) return false;
    throw error;
  }
}

function readJson<T>(name: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new Refusal(
      "FILE_IS_NO_JSON",
      422,
      `${JSON.stringify(name)} is no JSON (${messageOf(error)}): correct the file, or read it with readText.`,
    );
  }
}

function jsonText(name: string, value: JsonValue): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined)
    throw new Refusal("FILE_IS_NO_JSON", 422, `What was to be written to ${JSON.stringify(name)} is no JSON value.`);
  return text;
}
