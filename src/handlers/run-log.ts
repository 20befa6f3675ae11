/**
 * Which handlers were running when the process died. A small file, written without sync: it
 * survives the death of the process, and a loss of power needs no culprit.
 */
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "../system/log.ts";
import { Lookup } from "../system/lookup.ts";
import { messageOf } from "../system/errors.ts";

/** What an earlier process left behind about a handler. */
export interface Suspicion {
  /** The process died while it ran alone: it was this handler. */
  readonly crashes: number;
  /** The process died while it ran with others: it may have been any of them. */
  readonly interrupted: number;
}

/** A turn, as the log names it. Which one is told by the object: it is the same from its begin to its end. */
export interface LoggedRun {
  readonly jobId: string;
  readonly state: string;
}

export interface RunLog {
  /** What was running at the end of the last process, if that end was not clean: by its key. */
  read(): ReadonlyMap<string, Suspicion>;
  begin(run: LoggedRun, isAlone: boolean): void;
  end(run: LoggedRun): void;
  /** Writes what was noted since the last call, at once: before the work is handed out. */
  flush(): void;
  /** A clean end: what was running then is not suspected. */
  close(): void;
}

export interface RunLogOptions {
  readonly path: string;
  readonly log: Log;
  /** Written anew, with the open runs alone, once it is longer than this. */
  readonly bytesMax?: number;
}

const BYTES_MAX = 4 * 1024 * 1024;
/** Jobs that never come back would stay in the file for ever: the newest are enough. */
const SUSPICIONS_MAX = 10_000;
const BEGUN = "+";
const BEGUN_ALONE = "!";
const ENDED = "-";
const CARRIED = "=";
const LINE_END = "\n";

/** States in quotes: a server knows few of them. */
const quoted = new Map<string, string>();
const QUOTED_MAX = 1_000;

/** A job has one turn at a time; the state tells a new visit from the one that went wrong. */
export function runKey({ jobId, state }: LoggedRun): string {
  return `${jobId} ${quote(state)}`;
}

function quote(state: string): string {
  const known = quoted.get(state);
  if (known !== undefined) return known;
  const text = JSON.stringify(state);
  if (quoted.size >= QUOTED_MAX) quoted.clear();
  quoted.set(state, text);
  return text;
}

export function openRunLog({ path, log, bytesMax = BYTES_MAX }: RunLogOptions): RunLog {
  const suspicions = new Map<string, Suspicion>();
  const open = new Lookup<LoggedRun, { readonly run: LoggedRun; readonly isAlone: boolean }>();
  let file: number | undefined;
  let pending: string[] = [];
  let written = 0;
  let hasFailed = false;

  function read(): ReadonlyMap<string, Suspicion> {
    for (const [key, suspicion] of [...parse(textOf(path))].slice(-SUSPICIONS_MAX)) suspicions.set(key, suspicion);
    attempt(rewrite);
    return suspicions;
  }

  /** Only the open runs and the suspicions. A half-written file never takes the place of a whole one. */
  function rewrite(): void {
    const draft = `${path}.new`;
    mkdirSync(dirname(path), { recursive: true });
    if (file !== undefined) closeSync(file);
    file = openSync(draft, "w");
    const lines = [...suspicions].map(
      ([key, { crashes, interrupted }]) => `${CARRIED}${crashes} ${interrupted} ${key}\n`,
    );
    for (const { run, isAlone } of open.values()) lines.push(`${isAlone ? BEGUN_ALONE : BEGUN}${runKey(run)}\n`);
    written = writeSync(file, lines.join(""));
    renameSync(draft, path);
  }

  /** What is known of handlers that kill the process outlives a clean end; the rest has no meaning any more. */
  function keepCrashes(): void {
    for (const [key, { crashes }] of suspicions) if (crashes === 0) suspicions.delete(key);
    if (suspicions.size > 0) rewrite();
    else rmSync(path, { force: true });
  }

  function flush(): void {
    if (pending.length === 0) return;
    const text = pending.join("");
    pending = [];
    attempt(() => {
      if (file === undefined || written > bytesMax) return rewrite();
      written += writeSync(file, text);
    });
  }

  /** Handlers run on without it: what is lost is only knowing who killed the process. */
  function attempt(write: () => void): void {
    try {
      write();
      hasFailed = false;
    } catch (error) {
      if (!hasFailed) log.error("the run log cannot be written", { path, reason: messageOf(error) });
      hasFailed = true;
    }
  }

  /** What `runKey` makes, in parts: no text is made for each run before all are joined. */
  function note(sign: string, { jobId, state }: LoggedRun): void {
    pending.push(sign, jobId, " ", quote(state), LINE_END);
  }

  return {
    read,
    begin(run, isAlone) {
      open.set(run, { run, isAlone });
      note(isAlone ? BEGUN_ALONE : BEGUN, run);
    },
    end(run) {
      open.delete(run);
      if (suspicions.size > 0) suspicions.delete(runKey(run));
      note(ENDED, run);
    },
    flush,
    close() {
      pending = [];
      open.clear();
      attempt(keepCrashes);
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** A torn last line says nothing and is left out. */
function parse(text: string): Map<string, Suspicion> {
  const suspicions = new Map<string, Suspicion>();
  const open = new Map<string, boolean>();
  for (const line of text.split("\n").slice(0, -1)) {
    const key = line.slice(1);
    if (line.startsWith(BEGUN) || line.startsWith(BEGUN_ALONE)) open.set(key, line.startsWith(BEGUN_ALONE));
    if (line.startsWith(CARRIED)) carry(suspicions, key);
    if (!line.startsWith(ENDED)) continue;
    open.delete(key);
    suspicions.delete(key);
  }
  for (const [key, isAlone] of open) {
    const { crashes, interrupted } = suspicions.get(key) ?? { crashes: 0, interrupted: 0 };
    suspicions.set(key, isAlone ? { crashes: crashes + 1, interrupted } : { crashes, interrupted: interrupted + 1 });
  }
  return suspicions;
}

function carry(suspicions: Map<string, Suspicion>, rest: string): void {
  const found = /^(\d+) (\d+) (.+)$/.exec(rest);
  if (found?.[3]) suspicions.set(found[3], { crashes: Number(found[1]), interrupted: Number(found[2]) });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
