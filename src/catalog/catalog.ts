/** The blueprints folder as the server knows it: loaded, watched, and kept for the jobs that began with it. */
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { Registers } from "../storage/port.ts";
import type { Clock, Timers } from "../system/clock.ts";
import { messageOf } from "../system/errors.ts";
import type { Service } from "../system/lifecycle.ts";
import type { Log } from "../system/log.ts";
import { createBundleStore } from "./bundle-store.ts";
import { childFindings, refuseParents } from "./children.ts";
import { type KnownFile, keyOf, needsLoad, stampsOf } from "./files.ts";
import { errorAt } from "./findings.ts";
import { type FolderView, viewFolder } from "./folder.ts";
import type { LoadedBundle, LoadResult } from "./load.ts";
import { createLoader } from "./loader.ts";
import type { Catalog, Finding, Manifest, RefusedFile } from "./port.ts";
import { refusedOf } from "./refused.ts";
import { createReport } from "./report.ts";
import { isUnchanged, readServedIndex, type ServedFile, writeServedIndex } from "./served-index.ts";
import { decideServing, endpointKey, type GoodFile, NOTHING_SERVES, type Serving } from "./serving.ts";
import { createWatcher } from "./watcher.ts";

export interface CatalogOptions {
  readonly folder: string;
  /** Bundles are written here for the threads; in the data folder. */
  readonly bundlesFolder: string;
  readonly registers: Pick<Registers, "saveBundle" | "bundle">;
  /** Kept with each bundle: the version of the program that made it. */
  readonly sdkVersion: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** The longest time that the loading of one file may take. */
  readonly loadMs?: number;
  readonly debounceMs?: number;
  readonly rescanMs?: number;
}

export interface FolderCatalog extends Catalog, Service {
  /** Looks at the folder now; resolves when what it found serves. */
  reload(): Promise<void>;
}

const DEBOUNCE_MS = 100;
const RESCAN_MS = 30_000;

export function createCatalog(options: CatalogOptions): FolderCatalog {
  const { log, clock, timers, sdkVersion } = options;
  const folder = resolve(options.folder);
  const bundlesFolder = resolve(options.bundlesFolder);
  const loader = createLoader({ ...options, folder, bundlesFolder });
  const bundles = createBundleStore(bundlesFolder, options.registers);
  const report = createReport(log, folder);
  const listeners = new Set<() => void>();
  const known = new Map<string, KnownFile>();
  let serving: Serving = NOTHING_SERVES;
  let findings: readonly Finding[] = [];
  let refusedFiles: readonly RefusedFile[] = [];
  let reloading: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  let started: Promise<void> | undefined;
  let stopped = false;

  const watcher = createWatcher({
    folder,
    timers,
    log,
    debounceMs: options.debounceMs ?? DEBOUNCE_MS,
    rescanMs: options.rescanMs ?? RESCAN_MS,
    changed: () => void reload(),
  });

  /** Calls while one is waiting to begin share it: it will see what they want seen. */
  function reload(): Promise<void> {
    waiting ??= reloading.then(() => {
      waiting = undefined;
      reloading = look().catch((error: unknown) =>
        log.error("the blueprints folder could not be read; what served before serves on", {
          folder,
          reason: messageOf(error),
        }),
      );
      return reloading;
    });
    return waiting;
  }

  async function look(): Promise<void> {
    if (stopped) return;
    const view = await viewFolder(folder);
    const gone = [...known.keys()].filter((file) => !view.blueprintFiles.includes(file));
    for (const file of gone) known.delete(file);
    const needs = await Promise.all(view.blueprintFiles.map(async (file) => needsLoad(known.get(file), view)));
    const changed = view.blueprintFiles.filter((_file, index) => needs[index]);
    const results = await loader.load(changed);
    if (stopped) return;
    for (const result of withoutOrphans(results)) known.set(result.file, await take(result, view));
    if (results.length > 0 || gone.length > 0) await publish();
    report.serves([...serving.byName.values()], view.blueprintFiles.length);
  }

  /** A newest version whose children do not exist is refused like one that cannot be read. */
  function withoutOrphans(results: readonly LoadResult[]): readonly LoadResult[] {
    const before = (file: string): GoodFile | undefined => {
      const good = known.get(file)?.good;
      return good && { file, manifests: good.manifests };
    };
    const files = new Map<string, GoodFile>();
    for (const file of known.keys()) {
      const good = before(file);
      if (good) files.set(file, good);
    }
    for (const { file, bundle } of results) if (bundle) files.set(file, { file, manifests: bundle.manifests });
    const refused = refuseParents(files, new Set(results.map(({ file }) => file)), before);
    return results.map(({ bundle, ...result }) => {
      const errors = refused.get(result.file);
      if (errors) return { ...result, findings: [...result.findings, ...errors] };
      return bundle ? { ...result, bundle } : result;
    });
  }

  async function take(result: LoadResult, view: FolderView): Promise<KnownFile> {
    const good = known.get(result.file)?.good;
    const inputs = await stampsOf([result.file, ...Object.keys(result.inputs)], view);
    const tell = (found: readonly Finding[], earlierServes: boolean) =>
      report.loaded({
        file: result.file,
        stamp: view.stamps.get(result.file) ?? "",
        findings: found,
        earlierServes,
      });
    const refused = (errors: readonly Finding[], refusedIn: string): KnownFile => {
      // A good version may have lost its names to another file: then nothing of it serves.
      tell(errors, [...serving.owners.values()].includes(result.file));
      return { ...(good && { good }), findings: errors, inputs, refusedIn };
    };
    const { bundle } = result;
    if (!bundle) return refused(result.findings, keyOf(view));
    try {
      await store(result.file, bundle);
    } catch (error) {
      // Never the key of a folder: it is tried again at the next look.
      const message = `the bundle could not be stored (${messageOf(error)}): it is tried again`;
      return refused([errorAt(result, "store", message)], "");
    }
    tell(result.findings, false);
    const { hash, manifests } = bundle;
    return {
      good: { hash, manifests, findings: result.findings, inputs: result.inputs },
      findings: result.findings,
      inputs,
    };
  }

  function store(file: string, { hash, code, manifests }: LoadedBundle): Promise<void> {
    const texts = { code, manifests: JSON.stringify(manifests) };
    return bundles.save({ hash, file, ...texts, sdkVersion, createdAtMs: clock.nowMs() }, manifests);
  }

  async function publish(): Promise<void> {
    const good = new Map<string, ServedFile>();
    for (const [file, { good: version }] of known) if (version) good.set(file, version);
    const files = [...good].map(([file, { manifests }]) => ({ file, manifests }));
    serving = decideServing(files, serving);
    // Children whose files went away since: a job that gets there takes the failure outcome.
    const lost = childFindings(files, "warning").values().toArray().flat();
    findings = [...[...known.values()].flatMap((file) => file.findings), ...lost, ...serving.findings];
    refusedFiles = refusedOf(findings, serving);
    report.clashes(serving.findings);
    await remember(good);
    for (const listener of listeners) listener();
  }

  /** Only makes the next start quicker: without it everything is loaded again. */
  async function remember(good: ReadonlyMap<string, ServedFile>): Promise<void> {
    try {
      await mkdir(bundlesFolder, { recursive: true });
      await writeServedIndex(bundlesFolder, sdkVersion, good);
    } catch (error) {
      log.warn("the index of served blueprints could not be written", { reason: messageOf(error) });
    }
  }

  async function recall(): Promise<void> {
    const view = await viewFolder(folder);
    const index = await readServedIndex(bundlesFolder, sdkVersion);
    await Promise.all(view.blueprintFiles.map((file) => recallFile(file, index.get(file), view)));
    if (known.size > 0) await publish();
  }

  async function recallFile(file: string, good: ServedFile | undefined, view: FolderView): Promise<void> {
    if (!good || !(await bundles.bring(good.hash))) return;
    const inputs = await stampsOf(Object.keys(good.inputs), view);
    const fresh = await isUnchanged(good);
    // An impossible stamp has a changed file loaded at the first look; until then its last good version serves.
    known.set(file, { good, findings: good.findings, inputs: fresh ? inputs : new Map([[file, "changed"]]) });
  }

  async function start(): Promise<void> {
    await recall();
    await reload();
    if (!stopped) watcher.start();
  }

  return {
    current: (name) => serving.byName.get(name),
    byPath: (path) => serving.byEndpoint.get(path) ?? serving.byEndpoint.get(endpointKey("", path)),
    async pinned(hash, name) {
      const manifests: readonly Manifest[] | undefined = await bundles.bring(hash);
      return manifests?.find((manifest) => manifest.name === name);
    },
    list: () => [...serving.byName.values()],
    findings: () => findings,
    refused: () => refusedFiles,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reload,
    start: () => (started ??= start()),
    async stop() {
      stopped = true;
      watcher.stop();
      loader.stop();
      await started?.catch(() => undefined);
      await reloading;
    },
  };
}
