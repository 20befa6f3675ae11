/** Loads one blueprint file, in a thread that may be ended: it runs the file's own code. */
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { collectBlueprints, constantsOf, declarationPlacesOf, inspect, type Place } from "../blueprint/index.ts";
import { messageOf } from "../system/errors.ts";
import { registerSdk } from "./bundle-module.ts";
import { type Bundle, bundleFile, bundlePath } from "./bundle.ts";
import { errorAt, isError } from "./findings.ts";
import type { Finding, Manifest } from "./port.ts";
import { placesOf } from "./stack.ts";

export interface LoadedBundle {
  readonly hash: string;
  readonly code: string;
  readonly manifests: readonly Manifest[];
}

/** What loading a file came to: with a bundle it may serve, without one `findings` say why not. */
export interface LoadResult {
  readonly file: string;
  /** Files that went in, with the hashes of their contents. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly findings: readonly Finding[];
  readonly bundle?: LoadedBundle;
}

export interface LoadTarget {
  readonly bundlesFolder: string;
  /** Manifests name their file as seen from here. */
  readonly nameOf: (file: string) => string;
  /** Told just before the file's own code runs. */
  readonly evaluating: (file: string) => void;
}

/** The first half, which runs for many files at once. */
export async function prepare(file: string): Promise<{ readonly result: LoadResult; readonly bundle?: Bundle }> {
  try {
    const bundled = await bundleFile(file);
    const inputs = await hashInputs("bundle" in bundled ? bundled.bundle.inputs : bundled.inputs);
    if ("bundle" in bundled)
      return { result: { file, inputs, findings: bundled.bundle.warnings }, bundle: bundled.bundle };
    return { result: { file, inputs, findings: bundled.refused } };
  } catch (error) {
    return { result: { file, inputs: {}, findings: [errorAt({ file }, "bundle", messageOf(error))] } };
  }
}

/** The second half, one file at a time, so that it is known whose code is running. */
export async function evaluate(result: LoadResult, bundle: Bundle, target: LoadTarget): Promise<LoadResult> {
  const { file } = result;
  const trial = join(target.bundlesFolder, `loading-${bundle.hash}.js`);
  try {
    await writeFile(trial, bundle.code);
    target.evaluating(file);
    const loaded = inspectModule(
      (await importModule(trial)) as Record<string, unknown>,
      bundle,
      target.nameOf(file),
      file,
    );
    const findings = [...result.findings, ...loaded.findings];
    if (findings.some(isError)) return { ...result, findings };
    await rename(trial, bundlePath(target.bundlesFolder, bundle.hash));
    return { ...result, findings, bundle: { hash: bundle.hash, code: bundle.code, manifests: loaded.manifests } };
  } catch (error) {
    return { ...result, findings: [...result.findings, findingOfThrown(error, file, trial, bundle)] };
  } finally {
    await rm(trial, { force: true });
  }
}

function importModule(path: string): Promise<unknown> {
  registerSdk();
  return import(path);
}

function inspectModule(module: Record<string, unknown>, bundle: Bundle, name: string, file: string) {
  const manifests: Manifest[] = [];
  const findings: Finding[] = [];
  const surroundings = { constants: constantsOf(bundle.code), places: declarationPlacesOf(bundle.code) };
  for (const blueprint of collectBlueprints(module)) {
    const inspection = inspect(blueprint, bundle.locate, surroundings);
    manifests.push({ ...inspection.manifest, hash: bundle.hash, file: name });
    findings.push(...inspection.findings);
  }
  if (manifests.length === 0) findings.push(nothingExported(file));
  return { manifests, findings };
}

function nothingExported(file: string): Finding {
  const message = "the file exports no Blueprint: export one, or begin the file's name with _ if others import it";
  return errorAt({ file }, "no-blueprint", message);
}

function findingOfThrown(error: unknown, file: string, trial: string, bundle: Bundle): Finding {
  const place = placeOfThrown(error, trial, bundle) ?? { file };
  return errorAt(place, "load", `the file throws when it is loaded: ${messageOf(error)}`);
}

/** The innermost place that lies in the user's own files. */
function placeOfThrown(error: unknown, trial: string, bundle: Bundle): Place | undefined {
  if (!(error instanceof Error) || !error.stack) return undefined;
  for (const place of placesOf(error.stack)) {
    if (bundle.inputs.includes(place.file)) return place;
    // Where the engine did not apply the bundle's source map itself.
    if (place.file === trial) return bundle.positions.atLine(place.line, place.column);
  }
  return undefined;
}

/** Names and content hashes; a file that went away in between has none. */
async function hashInputs(files: readonly string[]): Promise<Record<string, string>> {
  const hashes = await Promise.all(files.map(async (file) => [file, await hashFile(file)] as const));
  return Object.fromEntries(hashes);
}

export async function hashFile(path: string): Promise<string> {
  const file = Bun.file(path);
  if (!(await file.exists())) return "";
  return new Bun.CryptoHasher("sha256").update(await file.arrayBuffer()).digest("hex");
}
