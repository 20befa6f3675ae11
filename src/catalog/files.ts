/** What is known of each blueprint file: its last good version, and why its newest one was refused. */
import type { Finding } from "./port.ts";
import { type FolderView, type Stamp, stampOf } from "./folder.ts";
import type { ServedFile } from "./served-index.ts";

export interface KnownFile {
  readonly good?: ServedFile;
  /** Of the newest version: errors if it was refused, else warnings. */
  readonly findings: readonly Finding[];
  /** What went into the newest version, as it was when that was loaded. */
  readonly inputs: ReadonlyMap<string, Stamp>;
  /** The folder when the newest version was refused: any change in it may be the repair. */
  readonly refusedIn?: string;
}

/** Packages and files beside the folder are not in the view: they are asked for one by one. */
export async function stampsOf(files: Iterable<string>, view: FolderView): Promise<Map<string, Stamp>> {
  const stamps = await Promise.all(
    [...files].map(async (file) => [file, view.stamps.get(file) ?? (await stampOf(file))] as const),
  );
  return new Map(stamps);
}

export async function needsLoad(known: KnownFile | undefined, view: FolderView): Promise<boolean> {
  if (!known) return true;
  if (known.refusedIn !== undefined && known.refusedIn !== keyOf(view)) return true;
  const now = await stampsOf(known.inputs.keys(), view);
  return [...known.inputs].some(([file, stamp]) => now.get(file) !== stamp);
}

/** Differs when anything in the folder does. */
export function keyOf(view: FolderView): string {
  const lines = [...view.stamps].map(([file, stamp]) => `${file}\n${stamp}`).toSorted();
  return Bun.hash(lines.join("\n")).toString(36);
}
