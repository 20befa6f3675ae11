/**
 * What the files of the folder came to when they were last loaded, kept beside the bundles: a start
 * need not load again what did not change, and knows the last good version of what is broken now.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashFile } from "./load.ts";
import type { Finding, Manifest } from "./port.ts";

export interface ServedFile {
  readonly hash: string;
  readonly manifests: readonly Manifest[];
  /** Warnings, which a file that is not loaded again still deserves. */
  readonly findings: readonly Finding[];
  readonly inputs: Readonly<Record<string, string>>;
}

interface Stored {
  readonly sdkVersion: string;
  readonly files: Readonly<Record<string, ServedFile>>;
}

const NAME = "served.json";

/** Empty when there is none, when it cannot be read, and when another version of the program wrote it. */
export async function readServedIndex(folder: string, sdkVersion: string): Promise<Map<string, ServedFile>> {
  try {
    const stored = JSON.parse(await readFile(join(folder, NAME), "utf8")) as Stored;
    return stored.sdkVersion === sdkVersion ? new Map(Object.entries(stored.files)) : new Map();
  } catch {
    return new Map<string, ServedFile>();
  }
}

export async function writeServedIndex(
  folder: string,
  sdkVersion: string,
  files: ReadonlyMap<string, ServedFile>,
): Promise<void> {
  const stored: Stored = { sdkVersion, files: Object.fromEntries(files) };
  const draft = join(folder, `${NAME}.new`);
  await writeFile(draft, JSON.stringify(stored));
  await rename(draft, join(folder, NAME));
}

export async function isUnchanged(served: ServedFile): Promise<boolean> {
  const inputs = Object.entries(served.inputs);
  const same = await Promise.all(inputs.map(async ([file, hash]) => hash !== "" && (await hashFile(file)) === hash));
  return inputs.length > 0 && same.every(Boolean);
}
