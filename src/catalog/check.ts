/** Every static check of some files, without serving them. */
import type { Stats } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Timers } from "../system/clock.ts";
import { messageOf } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
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
  const files = [...new Set(found.flatMap(({ files }) => files))];
  const bundlesFolder = await mkdtemp(join(tmpdir(), "orchestrator-check-"));
  try {
    const results = await createLoader({ ...options, folder: process.cwd(), bundlesFolder }).load(files);
    const good = results.map(({ file, bundle }) => ({ file, manifests: bundle?.manifests ?? [] }));
    const serving = decideServing(good, NOTHING_SERVES);
    return {
      files: files.length,
      findings: [
        ...found.flatMap(({ findings }) => findings),
        ...results.flatMap(({ findings }) => findings),
        ...serving.findings,
      ],
      manifests: good.flatMap(({ manifests }) => manifests),
    };
  } finally {
    await rm(bundlesFolder, { recursive: true, force: true });
  }
}

async function filesAt(path: string): Promise<{ files: readonly string[]; findings: readonly Finding[] }> {
  let facts: Stats;
  try {
    facts = await stat(path);
  } catch (error) {
    return { files: [], findings: [errorAt({ file: path }, "missing", whyNot(error))] };
  }
  return { files: facts.isDirectory() ? (await viewFolder(path)).blueprintFiles : [path], findings: [] };
}

function whyNot(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file or folder: correct the path";
  return `it cannot be looked at (${messageOf(error)}): make it readable`;
}
