/** The words between handlers and the store of files: types alone, so they lie as low as what they speak of. */
import type { JsonValue } from "../system/errors.ts";

/** The job's own folder in S3, jobs/{jobId}/. Paths that leave it are refused. */
export interface TaskFiles {
  /**
   * Local path of a file, downloaded if it is not here yet. A name that ends in "/" is a folder, with
   * all below it. Names that begin with s3:// may lie elsewhere: they are read, never written.
   */
  download(name: string): Promise<string>;
  /** A file or a folder below the job's local folder. Answers its address, s3://…; `name` left out: where it lies. */
  upload(localPath: string, name?: string): Promise<string>;
  readText(name: string): Promise<string>;
  readJson<T = JsonValue>(name: string): Promise<T>;
  writeText(name: string, text: string): Promise<string>;
  writeJson(name: string, value: JsonValue): Promise<string>;
  /** Names below a prefix, as the other calls take them. */
  list(prefix?: string): Promise<string[]>;
  exists(name: string): Promise<boolean>;
  /** A name that ends in "/" is a folder, with all below it. What is not there is no error. */
  delete(name: string): Promise<void>;
  /** Where to write a file that `upload` sends. Its folder exists. */
  pathTo(name: string): string;
}

/** The files of one run of a handler. */
export interface RunFiles {
  readonly files: TaskFiles;
  /** Calls that have not ended. */
  readonly pending: number;
}

export interface FilesHost {
  /** `signal` is asked for at the first call. */
  begin(jobId: string, signal: () => AbortSignal): RunFiles;
}

export interface FilesSettings {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Left out: as programs for AWS find them (its environment, its files, the machine's role). */
  readonly keys?: { readonly id: string; readonly secret: string } | undefined;
  /** Requests at once. */
  readonly concurrency: number;
  /** The store may be away for so long before a handler or a task hears of it. */
  readonly patienceMs: number;
}

/** What a thread needs to open the files of jobs. */
export interface JobFilesSettings extends FilesSettings {
  /** Local copies lie below it, a folder for each job. */
  readonly folder: string;
  /** The address of the module that speaks with the store. */
  readonly sdk: string;
}
