/** Starts the compiled program as users do, talks to it over HTTP, kills it, and starts it again. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..", "..");
export const binary = join(root, "dist", "orchestrator");
export const examples = join(root, "blueprints");
export const isBuilt = existsSync(binary);
if (!isBuilt) {
  const missing = "dist/orchestrator is missing: `bun run build` makes it.";
  // Where all of the tests are meant to run, a gap must not look like success.
  if (process.env["TESTS_NEED_BINARY"] === "1") throw new Error(missing);
  console.warn(`${missing} Its tests are skipped.`);
}

export const TOKENS = { client: "e2e-client", worker: "e2e-worker", operator: "e2e-operator" } as const;

export function exampleWorkers(): readonly string[] {
  return [...new Bun.Glob("*.ts").scanSync(join(examples, "_workers"))].map((file) => join(examples, "_workers", file));
}

/** A folder of the test's own; it goes with `remove`. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "orchestrator-e2e-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Nothing of the machine's own settings reaches the program under test. */
function cleanEnvironment(more: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.fromEntries(["PATH", "HOME", "TMPDIR"].map((name) => [name, process.env[name] ?? ""]));
  return { ...kept, ...more };
}

export interface Ended {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command to its end. One that does not end within the limit is killed, and the test fails. */
export async function run(
  argv: readonly string[],
  options: {
    readonly cwd?: string;
    readonly environment?: Readonly<Record<string, string>>;
    readonly limitMs?: number;
  } = {},
): Promise<Ended> {
  const child = Bun.spawn([binary, ...argv], {
    cwd: options.cwd ?? root,
    env: cleanEnvironment(options.environment ?? {}),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.limitMs ?? 15_000,
    killSignal: "SIGKILL",
  });
  const [out, err, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (child.signalCode === "SIGKILL") throw new Error(`\`${argv.join(" ")}\` did not end in time.\n${err}`);
  return { exitCode, out, err };
}

/** A program that runs until it is told to end. What it says is kept. */
export class Program {
  readonly #child;
  #log = "";
  readonly #read: Promise<void>;

  constructor(argv: readonly string[], environment: Readonly<Record<string, string>>, cwd: string) {
    this.#child = Bun.spawn([binary, ...argv], {
      cwd,
      env: cleanEnvironment(environment),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#read = Promise.all([this.#keep(this.#child.stdout), this.#keep(this.#child.stderr)]).then(() => undefined);
  }

  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Stands still until `thaw`, as it would on a laptop that sleeps; what it holds stays open. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<number> {
    this.#child.kill(signal);
    const exitCode = await this.#child.exited;
    await this.#read;
    return exitCode;
  }

  async #keep(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#log += decoder.decode(chunk, { stream: true });
  }
}

export interface ServerOptions {
  readonly blueprints?: string;
  readonly dataDir?: string;
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
}

export class Server {
  readonly dataDir: string;
  readonly port: number;
  readonly #folder = temporaryFolder();
  readonly #options: ServerOptions;
  #program: Program | undefined;
  #oldLogs = "";

  constructor(options: ServerOptions = {}) {
    this.#options = options;
    this.dataDir = options.dataDir ?? join(this.#folder.path, "data");
    this.port = options.port ?? freePort();
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Of all its runs. */
  get log(): string {
    return this.#oldLogs + (this.#program?.log ?? "");
  }

  get pid(): number {
    if (!this.#program) throw new Error("the server does not run");
    return this.#program.pid;
  }

  /** Of itself: nobody told it to. */
  get hasEnded(): boolean {
    return this.#program?.hasEnded === true;
  }

  async start(limitMs = 15_000): Promise<this> {
    const program = this.launch();
    await eventually("the server is ready", limitMs, async () => {
      if (program.hasEnded) throw new Error(`The server ended at its start:\n${program.log}`);
      const response = await fetch(`${this.url}/_public/status`).catch(() => undefined);
      return response?.ok === true;
    });
    return this;
  }

  /** Starts it and waits for nothing. */
  launch(): Program {
    const { blueprints = examples, environment = {}, flags = [] } = this.#options;
    const where = ["--port", String(this.port), "--data-dir", this.dataDir, "--blueprints", blueprints];
    const tokens = { CLIENT_TOKEN: TOKENS.client, WORKER_TOKEN: TOKENS.worker, OPERATOR_TOKEN: TOKENS.operator };
    this.#program = new Program(["serve", ...where, ...flags], { ...tokens, ...environment }, this.#folder.path);
    return this.#program;
  }

  freeze(): void {
    this.#program?.freeze();
  }

  thaw(): void {
    this.#program?.thaw();
  }

  /** `kill -9`: nothing is flushed, nothing is said. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** In an orderly way; resolves with the exit code. */
  async stop(): Promise<number> {
    return this.#end("SIGTERM");
  }

  async remove(): Promise<void> {
    await this.kill();
    this.#folder.remove();
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<number> {
    const program = this.#program;
    if (!program) return 0;
    this.#program = undefined;
    const exitCode = await program.kill(signal);
    this.#oldLogs += program.log;
    return exitCode;
  }
}

export function startWorker(
  server: Server,
  files: readonly string[],
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Program {
  const where = ["--url", server.url, "--token", TOKENS.worker];
  const kept = { WORKER_DATA_DIR: `${server.dataDir}-workers` };
  return new Program(["worker", ...files, ...where, ...flags], { ...kept, ...environment }, root);
}

/** Below the ports that outgoing connections are given: nobody takes one while its server is down. */
const PORTS = { first: 20_000, count: 12_000 };
let portsTaken = process.pid * 31;

/** Never the same one twice: two servers of a test process must not answer for each other. */
function freePort(): number {
  for (let tries = 0; tries < PORTS.count; tries++) {
    const port = PORTS.first + (portsTaken++ % PORTS.count);
    if (isFree(port)) return port;
  }
  throw new Error("no port is free");
}

function isFree(port: number): boolean {
  try {
    void Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response() }).stop(true);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return false;
    throw error;
  }
}

/** Asks again until it holds; fails with what it was waiting for. */
export async function eventually(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (performance.now() < endMs) {
    if (await holds()) return;
    await Bun.sleep(20);
  }
  throw new Error(`It did not come true within ${limitMs} ms: ${what}`);
}
