/** A blueprints folder of its own for each test, and a store that lives in memory. */
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type CatalogOptions, createCatalog } from "../../src/catalog/index.ts";
import type { StoredBundle } from "../../src/storage/port.ts";
import { createLog, type LogLine } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";

export interface TestFolder {
  readonly path: string;
  readonly bundles: string;
  write(name: string, text: string): Promise<string>;
  remove(name: string): Promise<void>;
  drop(): Promise<void>;
}

export async function makeFolder(): Promise<TestFolder> {
  const root = await mkdtemp(join(tmpdir(), "orchestrator-test-"));
  const path = join(root, "blueprints");
  const bundles = join(root, "bundles");
  await mkdir(path);
  await mkdir(bundles);
  return {
    path,
    bundles,
    async write(name, text) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      return file;
    },
    remove: (name) => rm(join(path, name), { recursive: true }),
    drop: () => rm(root, { recursive: true, force: true }),
  };
}

export function memoryRegisters() {
  const stored = new Map<string, StoredBundle>();
  return {
    stored,
    saveBundle: async (bundle: StoredBundle) => void stored.set(bundle.hash, bundle),
    bundle: async (hash: string) => stored.get(hash),
  };
}

export function catalogOf(folder: TestFolder, changes: Partial<CatalogOptions> = {}) {
  const lines: LogLine[] = [];
  const { clock, timers } = createRealSystem({ write: () => undefined });
  const registers = memoryRegisters();
  const catalog = createCatalog({
    folder: folder.path,
    bundlesFolder: folder.bundles,
    registers,
    sdkVersion: "test",
    clock,
    timers,
    log: createLog((line) => lines.push(line)),
    ...changes,
  });
  return { catalog, registers, lines };
}

/** A good blueprint; `extra` stands before it. */
export function flow(name: string, extra = "", options = ""): string {
  return `import { Blueprint } from "orchestrator";
${extra}
export default new Blueprint({ name: "${name}"${options} })
  .handlerFor("start", { isStart: true }, (context, actions) => actions.transitionTo("finished"));
`;
}
