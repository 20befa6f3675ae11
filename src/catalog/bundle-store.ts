/** Bundles of the past and present: in the store for ever, and as files for the threads to import. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import type { Registers, StoredBundle } from "../storage/port.ts";
import { bundlePath } from "./bundle.ts";
import type { Manifest } from "./port.ts";

export interface BundleStore {
  save(bundle: StoredBundle, manifests: readonly Manifest[]): Promise<void>;
  /** The manifests of a bundle that was ever saved; its file is there once this resolves. */
  bring(hash: string): Promise<readonly Manifest[] | undefined>;
}

/** Manifests are small, and a server has few versions under way: the oldest are read again when they are asked for. */
const REMEMBERED_MAX = 1_000;

export function createBundleStore(folder: string, registers: Pick<Registers, "saveBundle" | "bundle">): BundleStore {
  const remembered = new Map<string, readonly Manifest[]>();

  const remember = (hash: string, manifests: readonly Manifest[]) => {
    remembered.set(hash, manifests);
    const oldest = remembered.keys().next().value;
    if (remembered.size > REMEMBERED_MAX && oldest !== undefined) remembered.delete(oldest);
  };

  return {
    async save(bundle, manifests) {
      await registers.saveBundle(bundle);
      remember(bundle.hash, manifests);
    },
    async bring(hash) {
      const known = remembered.get(hash);
      if (known) return known;
      const stored = await registers.bundle(hash);
      if (!stored) return undefined;
      await restoreFile(folder, stored);
      const manifests = JSON.parse(stored.manifests) as Manifest[];
      remember(hash, manifests);
      return manifests;
    },
  };
}

/** A file that a power loss cut short is written again too. */
async function restoreFile(folder: string, bundle: StoredBundle): Promise<void> {
  const path = bundlePath(folder, bundle.hash);
  if ((await textOf(path)) === bundle.code) return;
  await mkdir(folder, { recursive: true });
  const draft = `${path}.new`;
  await writeFile(draft, bundle.code);
  await rename(draft, path);
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return undefined;
  }
}
