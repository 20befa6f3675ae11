/**
 * Builds dist/orchestrator: `bun scripts/build.ts [--force]`. Nothing is done when neither the
 * sources nor the tools have changed since the last build.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const outfile = join(root, "dist", "orchestrator");
const stamp = join(root, "dist", "orchestrator.sources");

// Handlers and the loading of blueprints run in threads: each is an entry point of its own, and so is what is loaded late.
const ENTRY_POINTS = [
  "src/main.ts",
  "src/handlers/thread.ts",
  "src/catalog/loader-thread.ts",
  "src/storage/sqlite/writer-thread.ts",
  "src/http/drawing-thread.ts",
  "src/heart-thread.ts",
  "src/files/s3/sdk.ts",
];

const FLAGS = [
  "--compile",
  // Shorter names of functions and classes break Elysia: syntax and white space only.
  "--minify-syntax",
  "--minify-whitespace",
  "--bytecode",
  "--format=esm",
  // Packages of the blueprints folder resolve; a stray .env or bunfig.toml reconfigures nothing.
  "--compile-autoload-package-json",
  "--compile-autoload-tsconfig",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

async function hashSources(commit: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(`${Bun.version} ${process.platform} ${process.arch} ${commit}`);
  const sources = new Bun.Glob("{src,actors,worker}/**/*").scanSync({ cwd: root, onlyFiles: true });
  const files = [...sources, "package.json", "bun.lock", "tsconfig.json", "scripts/build.ts"].toSorted();
  for (const file of files) {
    hasher.update(`\n${file}\n`);
    hasher.update(await Bun.file(join(root, file)).arrayBuffer());
  }
  return hasher.digest("hex");
}

function currentCommit(): string {
  const git = Bun.spawnSync(["git", "rev-parse", "--short=12", "HEAD"], { cwd: root, stderr: "ignore" });
  return git.success ? git.stdout.toString().trim() : "unknown";
}

async function isUpToDate(hash: string): Promise<boolean> {
  return existsSync(outfile) && existsSync(stamp) && (await Bun.file(stamp).text()) === hash;
}

async function build(version: string, commit: string): Promise<void> {
  mkdirSync(join(root, "dist"), { recursive: true });
  const defines = [`BUILD_VERSION=${JSON.stringify(version)}`, `BUILD_COMMIT=${JSON.stringify(commit)}`];
  const command = [process.execPath, "build", ...FLAGS, ...defines.flatMap((define) => ["--define", define])];
  const bun = Bun.spawnSync([...command, ...ENTRY_POINTS, "--outfile", outfile], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (bun.success) return;
  console.error(bun.stdout.toString() + bun.stderr.toString());
  process.exit(1);
}

const commit = currentCommit();
const hash = await hashSources(commit);
if (!process.argv.includes("--force") && (await isUpToDate(hash))) {
  console.log("dist/orchestrator is up to date");
} else {
  const { version } = (await Bun.file(join(root, "package.json")).json()) as { version: string };
  const beganMs = performance.now();
  await build(version, commit);
  await Bun.write(stamp, hash);
  console.log(`dist/orchestrator ${version} (${commit}) built in ${Math.round(performance.now() - beganMs)} ms`);
}
