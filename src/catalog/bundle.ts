/** A blueprint file with all that it imports, as one text that runs anywhere and for ever. */
import { resolve } from "node:path";
import type { Locate, Place } from "../blueprint/index.ts";
import { errorAt } from "./findings.ts";
import type { Finding } from "./port.ts";
import { createPositions, type Positions } from "./positions.ts";
import { type Complaint, findUnbundled } from "./unbundled.ts";

export interface Bundle {
  /** SHA-256 of the code: the version of the blueprints in it. */
  readonly hash: string;
  /** With its source map at the end. */
  readonly code: string;
  /** Absolute paths of all files that went in. */
  readonly inputs: readonly string[];
  readonly locate: Locate;
  readonly positions: Positions;
  readonly warnings: readonly Finding[];
}

export type Bundled =
  | { readonly bundle: Bundle }
  | { readonly refused: readonly Finding[]; readonly inputs: readonly string[] };

/** The parts of the bundler's report that are used here; its types do not name them yet. */
interface Metafile {
  readonly inputs: Readonly<
    Record<string, { readonly imports: readonly { readonly path: string; readonly original?: string }[] }>
  >;
}

/** Given by the program itself, and the same instance for all. */
export const EXTERNAL = ["orchestrator"];

export const MAP_MARK = "//# sourceMappingURL=data:application/json;base64,";

export async function bundleFile(file: string): Promise<Bundled> {
  const built = await Bun.build({
    entrypoints: [file],
    target: "bun",
    format: "esm",
    external: EXTERNAL,
    sourcemap: "external",
    throw: false,
    metafile: true,
  });
  if (!built.success) return { refused: built.logs.map((log) => findingOfLog(log, file)), inputs: [file] };

  const metafile = built.metafile as unknown as Metafile;
  const names = Object.keys(metafile.inputs);
  const inputs = names.map((name) => resolve(name));
  const asset = built.outputs.find((output) => output.kind === "asset");
  if (asset) return { refused: await refuseAssets(metafile, file), inputs };

  const text = await textOf(built.outputs, "entry-point");
  const map = absolute(JSON.parse(await textOf(built.outputs, "sourcemap")) as StoredMap);
  return finish(file, withoutMarks(text), names, map, inputs);
}

function finish(file: string, code: string, names: readonly string[], map: StoredMap, inputs: string[]): Bundled {
  const positions = createPositions(code, JSON.stringify(map), file);
  const complaints = findUnbundled(code).map((complaint) => findingOf(complaint, positions.at(complaint.offset)));
  const refused = complaints.filter((finding) => finding.severity === "error");
  if (refused.length > 0) return { refused, inputs };
  return {
    bundle: {
      hash: hashOf(code, names),
      code: `${code}\n${MAP_MARK}${Buffer.from(JSON.stringify(map)).toString("base64")}\n`,
      inputs,
      locate: positions.locate,
      positions,
      warnings: complaints,
    },
  };
}

interface StoredMap {
  version: 3;
  sources: string[];
  sourcesContent: string[];
  mappings: string;
  names: string[];
}

/** Without the sources' text: the map serves to name places, and the bundle holds the code already. */
function absolute(map: StoredMap): StoredMap {
  const sources = map.sources.map((source) => resolve(source));
  // The engine reads no map that lacks the texts; empty ones are enough for it.
  const sourcesContent = sources.map(() => "");
  return { version: 3, sources, sourcesContent, mappings: map.mappings, names: map.names };
}

/** The bundler's own trailing mark is different in every build. */
function withoutMarks(code: string): string {
  return code.replace(/\n\/\/# debugId=\w+\s*$/, "\n");
}

/**
 * The bundler writes a comment with the path of each file, as seen from the working folder.
 * The same blueprint must be the same version wherever the server was started.
 */
function hashOf(code: string, names: readonly string[]): string {
  const marks = new Set(names.map((name) => `// ${name}`));
  const lines = code.split("\n").filter((line) => !marks.has(line));
  return new Bun.CryptoHasher("sha256").update(lines.join("\n")).digest("hex");
}

async function textOf(outputs: readonly Bun.BuildArtifact[], kind: string): Promise<string> {
  return (await outputs.find((output) => output.kind === kind)?.text()) ?? "";
}

function findingOf(complaint: Complaint, place: Place): Finding {
  return { severity: complaint.severity, ...place, rule: complaint.rule, message: complaint.message };
}

function findingOfLog(log: BuildMessage | ResolveMessage, file: string): Finding {
  const position = log.position;
  const place = position
    ? { file: position.file || file, line: Math.max(1, position.line), column: Math.max(1, position.column) }
    : { file };
  if (log.name === "ResolveMessage") {
    return errorAt(place, "import", `${log.message}: correct the path, or add the package to the folder`);
  }
  return errorAt(place, "syntax", `${log.message}: correct the text`);
}

/** Files that the bundler would lay beside the bundle instead of putting them into it. */
async function refuseAssets(metafile: Metafile, file: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [importer, { imports }] of Object.entries(metafile.inputs)) {
    for (const { path, original } of imports) {
      if (!isAsset(path)) continue;
      const place = await placeOfText(resolve(importer), original ?? path);
      findings.push(path.endsWith(".node") ? refuseAddon(place, path) : refuseAsset(place, path));
    }
  }
  return findings.length > 0 ? findings : [refuseAsset({ file, line: 1, column: 1 }, "an imported file")];
}

const BUNDLED = /\.(?:[cm]?[jt]sx?|json|jsonc|json5|toml|ya?ml|txt|css|html)$/;

function isAsset(path: string): boolean {
  return /\.\w+$/.test(path) && !BUNDLED.test(path) && !path.includes(":");
}

function refuseAddon(place: Place, path: string): Finding {
  return errorAt(place, "native-addon", `${path} is native code and cannot be kept with the job: use it in a worker`);
}

function refuseAsset(place: Place, path: string): Finding {
  const message = `${path} cannot be put into the bundle: import it with { type: "text" }, or read it in a worker`;
  return errorAt(place, "asset", message);
}

async function placeOfText(file: string, text: string): Promise<Place> {
  const lines = (await Bun.file(file).text()).split("\n");
  const line = lines.findIndex((each) => each.includes(text));
  return { file, line: line + 1 || 1, column: (lines[line]?.indexOf(text) ?? 0) + 1 };
}

/** Where bundles lie for the threads. */
export function bundlePath(folder: string, hash: string): string {
  return resolve(folder, `${hash}.js`);
}
