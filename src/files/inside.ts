/** Whether a local path really lies in a folder, whatever links stand on the way. */
import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { leaves } from "./place.ts";

/** By its text alone. */
export function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** The path where its file really is or would be. Refuses one outside of the folder, by the name that was given. */
export async function insidePath(folder: string, path: string, shown = path): Promise<string> {
  const whole = resolve(folder, path);
  if (path.includes("\0") || !isBelow(folder, whole)) throw leaves(shown);
  const real = await realNearest(whole);
  if (!isBelow(await realNearest(folder), real)) throw leaves(shown);
  return real;
}

/** What is not there yet lies where its nearest folder that is there leads. */
async function realNearest(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const parent = dirname(path);
    if (!isNothingThere(error) || parent === path) throw error;
    return resolve(await realNearest(parent), relative(parent, path));
  }
}

/** Also where a file stands in the place of a folder. */
export function isNothingThere(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "");
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
