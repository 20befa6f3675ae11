/**
 * Keeps who may come in as the files say: `clients.toml` and `workers.toml`, read at the start, on request,
 * and when they come or change. A file that cannot be used changes nothing, and its reason is said.
 */
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { messageOf } from "../system/errors.ts";
import type { Cancel } from "../system/clock.ts";
import type { System } from "../system/index.ts";
import type { Service } from "../system/lifecycle.ts";
import type { Access } from "./access.ts";
import { type ClientEntry, readClients } from "./clients-file.ts";
import { TOKEN_FILES, type FileText, type TokenFile, wrong } from "./token-tables.ts";
import { readWorkers, type WorkerEntry } from "./workers-file.ts";

type Paths = { readonly [Kind in TokenFile]: string | undefined };

export interface TokenFilesOptions {
  /** Undefined: there is no such file, and none is looked for. */
  readonly paths: Paths;
  /** Of these nobody gave the path: they need not be there, and are taken when they come. */
  readonly usual?: readonly TokenFile[];
  readonly access: Access;
  readonly system: Pick<System, "timers" | "log">;
}

/** The files in the working folder, where no others are named. */
export function withUsualPaths(named: Paths): Required<Pick<TokenFilesOptions, "paths" | "usual">> {
  const paths = { clients: named.clients ?? "clients.toml", workers: named.workers ?? "workers.toml" };
  return { paths, usual: TOKEN_FILES.filter((kind) => named[kind] === undefined) };
}

export interface TokenFiles extends Service {
  has(kind: TokenFile): boolean;
  /** All of them or none: what cannot be used is refused, and what was in force stays. */
  reload(kinds?: readonly TokenFile[]): Promise<void>;
}

/** A file counts as written when it was the same twice. Two looks and a reading fit well into a second. */
const LOOK_AFTER_MS = 250;

type Entries = readonly ClientEntry[] | readonly WorkerEntry[];

interface Loaded {
  readonly entries: Entries;
  apply(): void;
}

export function createTokenFiles({ paths, usual = [], access, system }: TokenFilesOptions): TokenFiles {
  const { timers, log } = system;
  const kept = TOKEN_FILES.filter((kind) => paths[kind] !== undefined);
  /** How each file looked when it was read last, and at the last look. */
  const read = new Map<TokenFile, string>();
  const seen = new Map<TokenFile, string>();
  let cancelLook: Cancel = () => undefined;
  let isStopped = false;

  /** One that has been read has to stay; one that nobody named may not have come yet. */
  const has = (kind: TokenFile): boolean => {
    const path = paths[kind];
    if (path === undefined) return false;
    return !usual.includes(kind) || access[kind] !== undefined || existsSync(path);
  };

  const load = async (kind: TokenFile): Promise<Loaded> => {
    const file = await readOrRefuse(kind, paths[kind] ?? "");
    if (kind === "clients") {
      const entries = readClients(file, access.taken);
      return { entries, apply: () => access.useClients(entries) };
    }
    const entries = readWorkers(file, access.taken);
    return { entries, apply: () => access.useWorkers(entries) };
  };

  const reload = async (wanted: readonly TokenFile[] = kept): Promise<void> => {
    const kinds = wanted.filter(has);
    const marks = await Promise.all(kinds.map((kind) => markOf(paths[kind])));
    const loaded = await Promise.all(kinds.map(load));
    for (const [index, kind] of kinds.entries()) {
      const before = access[kind];
      loaded[index]?.apply();
      read.set(kind, marks[index] ?? "");
      tell(kind, before, loaded[index]?.entries ?? []);
    }
  };

  const tell = (kind: TokenFile, before: Entries | undefined, now: Entries): void => {
    const hashes = new Map(now.map(({ id, hash }) => [id, hash]));
    const revoked = (before ?? []).filter(({ id, hash }) => hashes.get(id) !== hash).map(({ id }) => id);
    const facts = { file: paths[kind] ?? "", [kind]: now.length, ...(revoked.length > 0 && { revoked }) };
    log.info(before === undefined ? "tokens were read" : "tokens were read again", facts);
  };

  const look = async (): Promise<void> => {
    for (const kind of kept) {
      const mark = await markOf(paths[kind]);
      const isSettled = seen.get(kind) === mark;
      seen.set(kind, mark);
      if (isStopped || !isSettled || read.get(kind) === mark) continue;
      // Said once for each change, whether it can be used or not.
      read.set(kind, mark);
      await reload([kind]).catch((error: unknown) => {
        log.error("a file of tokens was changed and cannot be used: those from before stay", {
          reason: messageOf(error),
        });
      });
    }
  };
  const lookLater = (): void => {
    cancelLook = timers.after(LOOK_AFTER_MS, () => {
      void look().finally(() => {
        if (!isStopped) lookLater();
      });
    });
  };

  return {
    has,
    reload,
    async start() {
      await reload();
      if (!isStopped && kept.length > 0) lookLater();
    },
    async stop() {
      isStopped = true;
      cancelLook();
    },
  };
}

async function readOrRefuse(kind: TokenFile, path: string): Promise<FileText> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
    return { kind, path, text };
  } catch (error) {
    const file = { kind, path };
    if (error instanceof TypeError) throw wrong(file, "the file is not in UTF-8: save it so.");
    if (codeOf(error) !== "ENOENT") throw wrong(file, `the file cannot be read (${messageOf(error)}).`);
    const setting = `${kind.toUpperCase()}_CONFIG_PATH`;
    throw wrong(
      file,
      `the file does not exist: create it (empty, if nobody is to stand in it), or set ${setting} to another.`,
    );
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Tells one state of a file from another without reading it. */
async function markOf(path: string | undefined): Promise<string> {
  try {
    const { mtimeMs, ctimeMs, size, ino } = await stat(path ?? "");
    return [mtimeMs, ctimeMs, size, ino].join(" ");
  } catch (error) {
    return `none: ${codeOf(error)}`;
  }
}
