/** Every static check of some files, without serving them. */
import type { Stats } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Timers } from "../system/clock.ts";
import { messageOf } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import { childFindings } from "./children.ts";
import { errorAt } from "./findings.ts";
import { viewFolder } from "./folder.ts";
import { createLoader } from "./loader.ts";
import type { Finding, Manifest } from "./port.ts";
import { decideServing, NOTHING_SERVES } from "./serving.ts";

export interface Check {
  readonly findings: readonly Finding[];
  /** How many files were looked at. */
  readonly files: number;
  readonly manifests: readonly Manifest[];
}

export interface CheckOptions {
  readonly timers: Timers;
  readonly log: Log;
  readonly loadMs?: number;
}

/** Files, and folders with all below them. */
export async function checkFiles(paths: readonly string[], options: CheckOptions): Promise<Check> {
  const found = await Promise.all(paths.map(async (path) => filesAt(resolve(path))));
  // A file by itself may run blueprints of its neighbours, which are not looked at.
  const missing = found.every(({ isFolder }) => isFolder) ? "error" : "warning";
  const files = [...new Set(found.flatMap(({ files }) => files))];
  const bundlesFolder = await mkdtemp(join(tmpdir(), "orchestrator-check-"));
  try {
    const results = await createLoader({ ...options, folder: process.cwd(), bundlesFolder }).load(files);
    const good = results.map(({ file, bundle }) => ({ file, manifests: bundle?.manifests ?? [] }));
    const serving = decideServing(good, NOTHING_SERVES);
    const findings = [
      ...found.flatMap(({ findings }) => findings),
      ...results.flatMap(({ findings }) => findings),
      ...childFindings(good, missing).values().toArray().flat(),
      ...serving.findings,
    ];
    return {
      files: files.length,
      findings: findings.toSorted(byPlace),
      manifests: good.flatMap(({ manifests }) => manifests),
    };
  } finally {
    await rm(bundlesFolder, { recursive: true, force: true });
  }
}

function byPlace(one: Finding, other: Finding): number {
  return one.file === other.file ? one.line - other.line || one.column - other.column : one.file < other.file ? -1 : 1;
}

interface Found {
  readonly files: readonly string[];
  readonly findings: readonly Finding[];
  readonly isFolder: boolean;
}

async function filesAt(path: string): Promise<Found> {
  let facts: Stats;
  try {
    facts = await stat(path);
  } catch (error) {
    return { files: [], findings: [errorAt({ file: path }, "missing", whyNot(error))], isFolder: false };
  }
  const isFolder = facts.isDirectory();
  return { files: isFolder ? (await viewFolder(path)).blueprintFiles : [path], findings: [], isFolder };
}

function whyNot(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file or folder: correct the path";
  return `it cannot be looked at (${messageOf(error)}): make it readable`;
}
