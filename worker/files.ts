/** A task's own folder. It is made on first use and removed when the task has ended. */
import { mkdirSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { Refusal } from "../src/system/errors.ts";
import type { WorkerFiles } from "./contract.ts";

export class TaskFolder implements WorkerFiles {
  readonly folder: string;

  constructor(payloadFolder: string, taskId: string) {
    this.folder = join(resolve(payloadFolder), folderName(taskId));
  }

  /** The folder of a file exists when its path is handed out, so that any program can write there. */
  pathTo(name: string): string {
    const path = this.#inside(name);
    mkdirSync(path === this.folder ? path : dirname(path), { recursive: true });
    return path;
  }

  async write(name: string, content: string | Uint8Array): Promise<string> {
    const path = this.#inside(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    return path;
  }

  async read(name: string): Promise<Uint8Array> {
    return await readFile(this.#inside(name));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #inside(name: string): string {
    const path = resolve(this.folder, name);
    const way = relative(this.folder, path);
    if (way === ".." || way.startsWith("../") || way.startsWith("..\\") || isAbsolute(way)) {
      throw new Refusal(
        "PATH_OUTSIDE_TASK_FOLDER",
        400,
        `The path "${name}" leaves the task's own folder: give a name inside of it.`,
      );
    }
    return path;
  }
}

/** A task id is made by the server; as a folder it must be one plain name. */
function folderName(taskId: string): string {
  const name = encodeURIComponent(taskId);
  return /^\.+$/.test(name) ? `_${name}` : name;
}
