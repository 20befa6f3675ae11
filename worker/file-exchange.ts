/**
 * Between a task and the store of files: what its params name by s3:// is brought into the task's own
 * folder before the handler runs, and what its result names in the payload folder is taken to the
 * store before it is told. The handler sees local paths alone, the orchestrator addresses alone.
 */
import { realpathSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fetchFile, fetchFolder, sendFolder } from "../src/files/folders.ts";
import { insidePath } from "../src/files/inside.ts";
import { baseName, below, checkedName, isFolder, isUri, type Place, readUri } from "../src/files/place.ts";
import type { FileFacts, FileStore } from "../src/files/store.ts";
import { inOrder } from "../src/files/together.ts";
import { messageOf, Refusal } from "../src/system/errors.ts";
import { InvalidInputError, PermanentError, TransientError } from "./errors.ts";
import { isRecord } from "./payload.ts";
import { eachString, withStrings } from "./strings.ts";
import type { TaskRun } from "./task.ts";

export interface FileExchange {
  /** The params with local paths. Undefined: they name nothing in a store. */
  bring(run: TaskRun): Promise<Record<string, unknown>> | undefined;
  /** The result, as JSON text, with addresses. Undefined: it names nothing in the payload folder. */
  take(run: TaskRun, body: string): Promise<string> | undefined;
}

export interface FileExchangeParts {
  readonly store: FileStore;
  /** From nowhere else anything is taken. */
  readonly payloadFolder: string;
}

/** Files of one task at a time: it may name thousands, and others work too. */
const AT_ONCE = 8;

export function createFileExchange({ store, payloadFolder }: FileExchangeParts): FileExchange {
  const folders = spellingsOf(payloadFolder);
  const quoted = folders.map((folder) => JSON.stringify(folder).slice(1, -1));
  return {
    bring(run) {
      const uris = urisIn(run.payload.params);
      return uris.length === 0 ? undefined : bringAll(store, run, uris);
    },
    take(run, body) {
      if (!quoted.some((folder) => body.includes(folder))) return undefined;
      return takeAll(store, run, JSON.parse(body) as Record<string, unknown>, folders);
    },
  };
}

/** As it was set, and as the system spells it: a handler may use either. */
function spellingsOf(payloadFolder: string): readonly string[] {
  const folder = resolve(payloadFolder);
  try {
    return [...new Set([folder, realpathSync(folder)])];
  } catch {
    // It is made by the first task that needs it.
    return [folder];
  }
}

function urisIn(params: unknown): readonly string[] {
  const uris = new Set<string>();
  eachString(params, (text) => {
    if (isUri(text)) uris.add(text);
  });
  return [...uris];
}

async function bringAll(store: FileStore, run: TaskRun, uris: readonly string[]): Promise<Record<string, unknown>> {
  try {
    const places = uris.map((uri) => ({ uri, place: readUri(uri) }));
    const names = namesFor(places.map(({ place }) => baseName(place.key) || place.bucket));
    const paths = new Map<string, string>();
    await severalAtOnce(places, run.signal, async ({ uri, place }, index, signal) => {
      const path = join(run.folder.folder, names[index] ?? "");
      if (isFolder(place)) await fetchFolder(store, place, path, signal);
      else tellIfChanged(run, await fetchFile(store, place, path, signal));
      paths.set(uri, path);
    });
    return withStrings(run.payload.params, paths) as Record<string, unknown>;
  } catch (error) {
    throw run.signal.aborted ? error : broughtInVain(error);
  } finally {
    // It was removed when the task was given up; what came after that goes as well.
    if (run.over) await run.folder.remove();
  }
}

/** It may be meant so; whoever looks for the reason of an odd result will want to know. */
function tellIfChanged(run: TaskRun, { uri, etag, size }: FileFacts): void {
  for (const [param, known] of Object.entries(run.payload.params_metadata ?? {})) {
    if (!isRecord(known) || known["uri"] !== uri || typeof known["etag"] !== "string" || known["etag"] === etag)
      continue;
    const before = { etag: known["etag"], size: known["size"] };
    run.fullLog.warn("a file is another one than when a worker told of it", {
      param,
      uri,
      before,
      now: { etag, size },
    });
  }
}

/** Each file keeps its own name; where two have the same one, the later lies in a folder of its own. */
function namesFor(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name, index) => {
    const free = taken.has(name) ? `${index + 1}/${name}` : name;
    taken.add(name);
    return free;
  });
}

async function takeAll(
  store: FileStore,
  run: TaskRun,
  result: Record<string, unknown>,
  folders: readonly string[],
): Promise<string> {
  try {
    const found = await filesIn(run, result["data"], folders);
    const keys = keysFor(found);
    const uris = new Map<string, string>();
    const facts = new Map<string, object>();
    await severalAtOnce(found, run.signal, async ({ text, path, root, isFolder: isWhole }, index, signal) => {
      const home: Place = { bucket: store.bucket, key: checkedName(`jobs/${run.jobId}/${run.taskId}/`) };
      const place = below(home, checkedName(`${keys[index]}${isWhole ? "/" : ""}`, text));
      const sent = isWhole ? await sendFolder(store, path, place, root, signal) : await store.send(path, place, signal);
      uris.set(text, sent.uri);
      facts.set(text, { uri: sent.uri, size: sent.size, etag: "etag" in sent ? sent.etag : null });
    });
    return withAddresses(result, uris, facts);
  } catch (error) {
    throw run.signal.aborted ? error : takenInVain(error);
  }
}

interface LocalFile {
  /** As the handler wrote it. */
  readonly text: string;
  /** Where it really is. */
  readonly path: string;
  /** The payload folder, in the spelling of the text. */
  readonly root: string;
  readonly isFolder: boolean;
}

async function filesIn(run: TaskRun, data: unknown, folders: readonly string[]): Promise<readonly LocalFile[]> {
  const roots = new Map<string, string>();
  eachString(data, (text) => {
    const root = folders.find((folder) => text.startsWith(`${folder}/`) && text.length > folder.length + 1);
    if (root !== undefined) roots.set(text, root);
  });
  const found: LocalFile[] = [];
  for (const [text, root] of roots) {
    const path = await insidePath(root, text, text);
    const facts = await stat(path).catch(() => undefined);
    if (facts) found.push({ text, path, root, isFolder: facts.isDirectory() });
    else run.fullLog.warn("the result names a file that is not there: its path is told as it is", { path: text });
  }
  return found;
}

/** By base names; where two files have the same one, by all of their way. */
function keysFor(found: readonly LocalFile[]): readonly string[] {
  const names = found.map(({ text }) => baseName(resolve(text)));
  return names.map((name, index) => {
    const isAlone = names.filter((other) => other === name).length === 1;
    return isAlone ? name : `${index + 1}/${name}`;
  });
}

function withAddresses(
  result: Record<string, unknown>,
  uris: ReadonlyMap<string, string>,
  facts: ReadonlyMap<string, object>,
): string {
  const metadata: Record<string, object> = {};
  eachString(result["data"], (text, path) => {
    const known = facts.get(text);
    if (known) metadata[path] = known;
  });
  const given = isRecord(result["data_metadata"]) ? result["data_metadata"] : {};
  const all = { ...given, ...metadata };
  return JSON.stringify({
    ...result,
    data: withStrings(result["data"], uris),
    ...(Object.keys(all).length > 0 && { data_metadata: all }),
  });
}

/** The first failure ends the others. */
async function severalAtOnce<Item>(
  items: readonly Item[],
  signal: AbortSignal,
  work: (item: Item, index: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await inOrder(signal, {
    async *items() {
      yield* items.entries();
    },
    limit: AT_ONCE,
    begin: ([index, item], inner) => work(item, index, inner),
    take: () => undefined,
  });
}

const WRONG_INPUT = ["FILE_NOT_FOUND", "BUCKET_NOT_FOUND", "FILE_OUTSIDE_FOLDER", "WRONG_FILE_NAME"];
const WRONG_RESULT = ["FILE_OUTSIDE_FOLDER", "WRONG_FILE_NAME", "FOLDER_IS_EMPTY"];

/** A setting that lacks is not there next time either. */
const WRONG_SETTINGS = ["FILES_KEYS_MISSING"];

/** Whoever started the job named what is not there; everything else may be better next time, or on another worker. */
function broughtInVain(error: unknown): Error {
  const sentence = `A file that the params name could not be downloaded. ${messageOf(error)}`;
  if (is(error, WRONG_INPUT)) return new InvalidInputError(sentence);
  return is(error, WRONG_SETTINGS) ? new PermanentError(sentence) : new TransientError(sentence);
}

function takenInVain(error: unknown): Error {
  const sentence = `A file that the result names could not be uploaded. ${messageOf(error)}`;
  return is(error, [...WRONG_RESULT, ...WRONG_SETTINGS]) ? new PermanentError(sentence) : new TransientError(sentence);
}

function is(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Refusal && codes.includes(error.code);
}
