/** What the log tells of the folder: each finding once for each version of its file, and what serves when that has changed. */
import type { Log } from "../system/log.ts";
import { formatFinding, isError } from "./findings.ts";
import type { Stamp } from "./folder.ts";
import type { Finding, Manifest } from "./port.ts";

export interface Report {
  loaded(load: LoadedFile): void;
  /** Blueprints of good files that cannot serve all the same. */
  clashes(findings: readonly Finding[]): void;
  serves(manifests: readonly Manifest[], files: number): void;
}

export interface LoadedFile {
  readonly file: string;
  readonly stamp: Stamp;
  readonly findings: readonly Finding[];
  /** Refused, while an earlier version of the file serves. */
  readonly earlierServes: boolean;
}

/** More names make a line that nobody reads. */
const NAMES_MAX = 20;

interface Served {
  readonly files: number;
  /** By the blueprint's name. */
  readonly hashes: Hashes;
}
type Hashes = ReadonlyMap<string, string>;

/** What is of interest is what somebody has just done to the folder: only that is named. */
function changesOf(before: Hashes, now: Hashes): readonly (readonly [string, readonly string[]])[] {
  const names = [...now.keys()];
  const changes = [
    ["added", names.filter((name) => !before.has(name))],
    ["changed", names.filter((name) => before.has(name) && before.get(name) !== now.get(name))],
    ["removed", [...before.keys()].filter((name) => !now.has(name))],
  ] as const;
  return changes.filter(([, found]) => found.length > 0).map(([what, found]) => [what, shortened(found)]);
}

function shortened(names: readonly string[]): readonly string[] {
  const sorted = names.toSorted();
  const more = sorted.length > NAMES_MAX ? [`and ${sorted.length - NAMES_MAX} more`] : [];
  return [...sorted.slice(0, NAMES_MAX), ...more];
}

export function createReport(log: Log, folder: string): Report {
  const told = new Map<string, string>();
  let toldClashes = new Set<string>();
  let toldServing: Served | undefined;

  function tell(finding: Finding, earlierServes: boolean): void {
    const text = formatFinding(finding);
    if (!isError(finding)) return log.warn(`blueprint file: ${text}`);
    log.error(`blueprint file refused: ${text}${earlierServes ? " (the version before serves on)" : ""}`);
  }

  return {
    loaded({ file, stamp, findings, earlierServes }) {
      const key = [stamp, ...findings.map((finding) => formatFinding(finding))].join("\n");
      if (told.get(file) === key) return;
      told.set(file, key);
      for (const finding of findings) tell(finding, earlierServes);
    },
    clashes(findings) {
      const texts = new Set(findings.map((finding) => formatFinding(finding)));
      for (const text of texts) if (!toldClashes.has(text)) log.error(`blueprint refused: ${text}`);
      toldClashes = texts;
    },
    serves(manifests, files) {
      const before = toldServing;
      toldServing = { files, hashes: new Map(manifests.map(({ name, hash }) => [name, hash])) };
      if (files === 0) {
        if (before?.files === 0) return;
        log.warn(`There is no blueprint file in ${folder}: no job can be started. Files that come are loaded at once.`);
        return;
      }
      const { hashes } = toldServing;
      const count = hashes.size;
      if (before === undefined || before.files === 0) {
        log.info("blueprints loaded", { count, names: shortened([...hashes.keys()]) });
        return;
      }
      const changes = changesOf(before.hashes, hashes);
      if (changes.length > 0) log.info("blueprints changed", { ...Object.fromEntries(changes), count });
    },
  };
}
