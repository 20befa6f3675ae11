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

export function createReport(log: Log, folder: string): Report {
  const told = new Map<string, string>();
  let toldClashes = new Set<string>();
  let toldServing = "";

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
      const key = `${files}\n${manifests.map(({ name, hash }) => `${name} ${hash}`).join("\n")}`;
      if (key === toldServing) return;
      toldServing = key;
      if (files === 0) {
        log.warn(`There is no blueprint file in ${folder}: no job can be started. Files that come are loaded at once.`);
        return;
      }
      const names = manifests.map(({ name }) => name).toSorted();
      const more = names.length > NAMES_MAX ? [`and ${names.length - NAMES_MAX} more`] : [];
      log.info("blueprints loaded", { count: names.length, names: [...names.slice(0, NAMES_MAX), ...more] });
    },
  };
}
