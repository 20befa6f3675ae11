/** What lies in the blueprints folder, and whether it is still the same. */
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";

/** Changes when the file does: its size, and when and what it was written as. Empty: no such file. */
export type Stamp = string;

export interface FolderView {
  /** Sorted, so that the same folder is always read in the same order. */
  readonly blueprintFiles: readonly string[];
  /** Of every file that a blueprint could import, packages excepted. */
  readonly stamps: ReadonlyMap<string, Stamp>;
}

/** A path to one file is a folder with that file alone. */
export async function viewFolder(folder: string): Promise<FolderView> {
  const only = (await stampOf(folder)) !== missing;
  const files = only ? [folder] : await filesBelow(folder);
  const stamps = new Map<string, Stamp>();
  await Promise.all(files.map(async (file) => stamps.set(file, await stampOf(file))));
  return { blueprintFiles: files.filter(isBlueprintFile).toSorted(), stamps };
}

export async function stampOf(file: string): Promise<Stamp> {
  try {
    const facts = await stat(file, { bigint: true });
    return facts.isFile() ? `${facts.mtimeNs}:${facts.size}:${facts.ino}` : "";
  } catch {
    return missing;
  }
}

const missing: Stamp = "";

/** Files that may hold blueprints; the others in the folder are imported by them, or test them. */
export function isBlueprintFile(path: string): boolean {
  const name = basename(path);
  if (!/\.(?:ts|js)$/.test(name) || name.startsWith("_")) return false;
  return !name.endsWith(".d.ts") && !/\.test\.(?:ts|js)$/.test(name);
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await entriesOf(folder);
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return isLeftOut(entry.name) ? [] : filesBelow(path);
      return entry.isFile() || entry.isSymbolicLink() ? [path] : [];
    }),
  );
  return found.flat();
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    // A folder that went away between two looks is an empty one.
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
    throw error;
  }
}

function isLeftOut(folderName: string): boolean {
  return folderName === "node_modules" || folderName.startsWith(".") || folderName.startsWith("_");
}
