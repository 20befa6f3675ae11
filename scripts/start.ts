/**
 * The guided start: a server, an example worker, a first job. Called by scripts/start, which has
 * installed and built what is needed. Everything is kept in ./data of the checkout.
 */
import { createWriteStream, existsSync, mkdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { Children, endOf, type Environment } from "./start-children.ts";
import { choosePort } from "./start-port.ts";

const root = join(import.meta.dir, "..");
const binary = join("dist", "orchestrator");
const { values: flags } = parseArgs({ options: { once: { type: "boolean" }, port: { type: "string" } } });
const isOnce = flags.once === true;
/** The guided tour goes through the local door, whatever the shell has set for another server. */
const ELSEWHERE: readonly string[] = [
  "CLIENT_TOKEN",
  "ORCHESTRATOR_TOKEN",
  "ORCHESTRATOR_URL",
  "ORCHESTRATORS_CONFIG",
  "WORKER_INDIVIDUAL_TOKEN",
  "AVTOMATIKA_WORKER_TOKEN",
  "WORKER_TOKEN",
];
const READY_LIMIT_MS = 20_000;
/** Shown when the server does not start. */
const NEWEST_LINES_MAX = 20;
const OWNER_ALONE = 0o700;

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const children = new Children(root);
const reading: Promise<void>[] = [];
const madeTokens: string[] = [];
const newestLines: string[] = [];

const inside: Environment = Object.fromEntries(
  Object.entries(process.env).filter(([variable]) => !ELSEWHERE.includes(variable)),
);

let reportEnd: (error: Error) => void;
/** Rejects when one of them ends by itself. */
const ended = new Promise<never>((_, reject) => (reportEnd = reject));
let isUp = false;

function start(name: string, argv: readonly string[], env: Environment): Bun.Subprocess {
  const child = children.start({ argv: [binary, ...argv], env, stdout: "ignore", stderr: "pipe" });
  if (child.stderr instanceof ReadableStream) reading.push(keepLog(name, child.stderr));
  return child;
}

/** Tokens are shown once, under a line of our own, and never written to a file. */
async function keepLog(name: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  const file = createWriteStream(join(root, "data", `${name}.log`), { flags: "a" });
  for await (const line of createInterface(Readable.fromWeb(stream))) {
    if (/^[A-Z]+_TOKEN=/.test(line)) {
      madeTokens.push(line);
      continue;
    }
    if (line.startsWith("Tokens, made at this first start")) continue;
    file.write(`${line}\n`);
    newestLines.push(line);
    if (newestLines.length > NEWEST_LINES_MAX) newestLines.shift();
  }
  file.end();
}

async function stopAll(): Promise<void> {
  await children.stop();
  await Promise.all(reading);
}

function wantedPort(): number {
  const file = process.env["ORCHESTRATOR_CONFIG"] || "orchestrator.toml";
  const path = resolve(root, file);
  const toml = existsSync(path) && { toml: { file, text: readFileSync(path, "utf8") } };
  return choosePort({ flags, environment: process.env, ...toml }, listen);
}

function listen(port: number): number | undefined {
  try {
    const probe = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response() });
    const found = probe.port;
    void probe.stop(true);
    return found;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return undefined;
    throw error;
  }
}

async function waitUntilReady(server: Bun.Subprocess, url: string): Promise<void> {
  const endMs = performance.now() + READY_LIMIT_MS;
  while (performance.now() < endMs && server.exitCode === null && server.signalCode === null) {
    const response = await fetch(`${url}/_public/status`).catch(() => undefined);
    if (response?.ok) return;
    await Bun.sleep(50);
  }
  await stopAll();
  const said = newestLines.join("\n");
  throw new Error(`The server did not start. Another one may be running on ./data. It said:\n${said}`);
}

async function firstJob(): Promise<number> {
  const input = JSON.stringify({ name: "Ada", seconds: 2 });
  const argv = ["jobs", "submit", "simple_linear_flow", "--input", input, "--wait"];
  console.log(`\n$ ${binary} jobs submit simple_linear_flow --input '${input}' --wait`);
  const whole = [binary, ...argv, "--data-dir", "data"];
  return children.start({ argv: whole, env: inside, stdout: "inherit", stderr: "inherit" }).exited;
}

function sayWhatNext(url: string): void {
  console.log(`
The server listens on ${url}, and for this machine's user on data/orchestrator.sock:
commands in this folder find it there and need no token. Try in a second terminal:

  ${binary} jobs list
  ${binary} jobs submit simple_linear_flow --input '{"seconds": 30}' --wait
  ${binary} jobs submit error_handling_flow --input '{"api_key": "flaky"}' --wait
  ${binary} jobs history ID
  curl --unix-socket data/orchestrator.sock http://localhost/api/v1/jobs/simple_flow -d '{"name": "Grace"}'

Logs: data/server.log, data/worker.log. README.md has the five-minute tour. Ctrl-C stops everything.`);
}

function sayTokens(): void {
  if (madeTokens.length === 0) return;
  console.log(`\nTokens for other machines, made now and shown this once (only their hashes are kept):\n`);
  for (const line of madeTokens) console.log(`  ${line}`);
}

async function main(): Promise<number> {
  const port = wantedPort();
  const url = `http://127.0.0.1:${port}`;
  mkdirSync(join(root, "data"), { recursive: true, mode: OWNER_ALONE });
  console.log(`Starting a server on ${url}, with its data in ./data and the blueprints of ./blueprints ...`);
  const folders = ["--data-dir", "data", "--blueprints", "blueprints"];
  const server = start("server", ["serve", "--port", String(port), ...folders], process.env);
  await waitUntilReady(server, url);
  void endOf("server", server).then((sentence) => reportEnd(new Error(sentence)));
  sayTokens();
  const workers = [...new Bun.Glob("blueprints/_workers/*.ts").scanSync(root)].toSorted();
  console.log(`Starting a worker with the tasks of ${workers.length} files in blueprints/_workers ...`);
  const worker = start("worker", ["worker", ...workers, "--id", "example", "--data-dir", "data"], inside);
  void endOf("worker", worker).then((sentence) => reportEnd(new Error(sentence)));
  const exitCode = await firstJob();
  if (isOnce || exitCode !== 0) return exitCode;
  sayWhatNext(url);
  isUp = true;
  return new Promise<never>(() => undefined);
}

/** Resolves with the exit code: a start that is stopped before its first job has ended did not succeed. */
function stopRequested(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of STOP_SIGNALS) {
      // It stays: a second one must not end this process before the others.
      process.on(signal, () => resolve(isUp ? 0 : 128 + constants.signals[signal]));
    }
  });
}

async function untilStopped(): Promise<number> {
  const exitCode = await stopRequested();
  console.log("\nStopping the worker, then the server ...");
  return exitCode;
}

// The logs may hold what jobs are about: they are the user's alone, as all that the server keeps.
process.umask(0o077);
let exitCode = 1;
try {
  exitCode = await Promise.race([untilStopped(), ended, main()]);
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await stopAll();
}
process.exit(exitCode);
