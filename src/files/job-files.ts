/** The files of jobs, as the doors and the end of a job see them. */
import { readdir, rm } from "node:fs/promises";
import { messageOf, Refusal } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import { notFound } from "./folders.ts";
import { codeOf } from "./inside.ts";
import { below, checkedName, isFolder, jobFolder, type Place, uriOf, wrongName } from "./place.ts";
import type { FileFacts, FilePage, FileStore } from "./store.ts";
import { localFolder, removeBelow } from "./task-files.ts";

export interface JobFiles {
  uploadLink(jobId: string, name: string, seconds: number): Promise<string>;
  /** Refuses what is not there: whoever follows a link to nothing learns little. */
  downloadLink(jobId: string, name: string, seconds: number, signal: AbortSignal): Promise<string>;
  write(jobId: string, name: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<FileFacts>;
  /** Keys are names within the job's folder; `after` is one of them. */
  page(jobId: string, prefix: string, after: string | undefined, limit: number, signal: AbortSignal): Promise<FilePage>;
  /** All that the job has in the store. */
  removeAll(jobId: string, signal: AbortSignal): Promise<void>;
}

export function createJobFiles(store: FileStore): JobFiles {
  const file = (jobId: string, name: string): Place => {
    const place = below(jobFolder(store.bucket, jobId), checkedName(name));
    if (name === "" || isFolder(place)) throw wrongName(name, "is no name of a file");
    return place;
  };
  return {
    uploadLink: async (jobId, name, seconds) => store.link(file(jobId, name), "PUT", seconds),
    async downloadLink(jobId, name, seconds, signal) {
      const place = file(jobId, name);
      if (!(await store.facts(place, signal))) throw notFound(uriOf(place));
      return store.link(place, "GET", seconds);
    },
    write: async (jobId, name, content, signal) => store.write(content, file(jobId, name), signal),
    async page(jobId, prefix, after, limit, signal) {
      const home = jobFolder(store.bucket, jobId);
      const from = after === undefined ? undefined : home.key + checkedName(after);
      const { files, next } = await store.page(below(home, checkedName(prefix)), from, limit, signal);
      const nameOf = (key: string) => key.slice(home.key.length);
      return {
        files: files.map(({ key, ...facts }) => ({ ...facts, key: nameOf(key) })),
        next: next === undefined ? undefined : nameOf(next),
      };
    },
    removeAll: (jobId, signal) => removeBelow(store, jobFolder(store.bucket, jobId), signal),
  };
}

/** For doors where no store is set up. */
export function filesAreOff(): Refusal {
  return new Refusal(
    "FILES_ARE_OFF",
    501,
    "S3 support is not enabled: set S3_ENDPOINT_URL where the server is started.",
  );
}

/** Copies of files in the folders of jobs that are over. */
export interface LocalCopies {
  remove(jobId: string): void;
  /** What a crash left behind. Folders of jobs that this server does not know are not its own. */
  sweep(isOver: (jobId: string) => Promise<boolean>): Promise<void>;
}

export function createLocalCopies(folder: string, log: Log): LocalCopies {
  const remove = async (jobId: string) => {
    try {
      await rm(localFolder(folder, jobId), { recursive: true, force: true });
    } catch (error) {
      log.warn("The local files of a job could not be removed.", { job_id: jobId, error: messageOf(error) });
    }
  };
  return {
    remove: (jobId) => void remove(jobId),
    async sweep(isOver) {
      try {
        for (const jobId of await namesIn(folder)) {
          if (await isOver(jobId)) await remove(jobId);
        }
      } catch (error) {
        log.warn("What an earlier run left of jobs' local files could not be removed.", { error: messageOf(error) });
      }
    },
  };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
