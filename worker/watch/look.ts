/** What worker files say now, with all that they import: whether it can be read, and whether it is something else than before. */
import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { messageOf } from "../../src/system/errors.ts";

export interface Look {
  /** Undefined where the files cannot be read together. */
  readonly hash: string | undefined;
  /** Why not, with file and line. */
  readonly problem: string | undefined;
  /** Absolute paths of all files that went in. */
  readonly inputs: readonly string[];
}

/** The part of the bundler's report that is used here. */
interface Metafile {
  readonly inputs: Readonly<Record<string, unknown>>;
}

export async function lookAt(files: readonly string[]): Promise<Look> {
  const entrypoints = files.map((file) => resolve(file));
  try {
    const built = await Bun.build({
      entrypoints,
      target: "bun",
      packages: "external",
      external: ["orchestrator", "orchestrator/worker"],
      throw: false,
      metafile: true,
    });
    if (!built.success) return { hash: undefined, problem: built.logs.map(sentenceOf).join("\n"), inputs: entrypoints };
    const { inputs } = built.metafile as unknown as Metafile;
    const hasher = new Bun.CryptoHasher("sha256");
    for (const output of built.outputs) hasher.update(`${await output.text()}\n`);
    return { hash: hasher.digest("hex"), problem: undefined, inputs: Object.keys(inputs).map((name) => resolve(name)) };
  } catch (error) {
    return { hash: undefined, problem: messageOf(error), inputs: entrypoints };
  }
}

function sentenceOf(log: BuildMessage | ResolveMessage): string {
  const { position, message } = log;
  return position ? `${position.file}:${position.line}:${position.column}: ${message}` : message;
}

/** Changes when a file is written, replaced or removed, and when one comes into its folder. Every file system tells that. */
export function stampOf(inputs: readonly string[]): string {
  const paths = new Set([...inputs, ...inputs.map((path) => dirname(path))]);
  return [...paths].toSorted().map(stampOfPath).join("\n");
}

function stampOfPath(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats ? `${path} ${stats.mtimeMs} ${stats.ino} ${stats.isFile() ? stats.size : ""}` : `${path} -`;
}
