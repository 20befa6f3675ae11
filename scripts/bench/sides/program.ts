/** A process of the benchmark: started, watched, stopped. */
export interface ProgramOptions {
  /** As the report calls it. */
  readonly name: string;
  readonly command: readonly string[];
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const LOG_CHARS_MAX = 4000;
const STOP_MS = 10_000;

const running = new Set<Bun.Subprocess>();

/** A benchmark that is told to end leaves no server behind: a terminal tells all of them, `kill` tells it alone. */
export function endWithoutLeftovers(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      for (const child of running) child.kill("SIGKILL");
      process.exit(1);
    });
  }
}

/** Counts among those that must not outlive the benchmark. */
export function keepTrackOf(child: Bun.Subprocess): void {
  running.add(child);
  void child.exited.then(() => running.delete(child));
}

export class Program {
  readonly name: string;
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  #log = "";

  constructor({ name, command, folder, environment = {} }: ProgramOptions) {
    this.name = name;
    this.#child = Bun.spawn([...command], {
      cwd: folder,
      env: cleanEnvironment(environment),
      stdio: ["ignore", "ignore", "pipe"],
    });
    keepTrackOf(this.#child);
    void this.#keepLog();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Throws what the program last said if it has ended by itself. */
  assertRuns(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return;
    throw new Error(`${this.name} ended (${signalCode ?? `exit code ${exitCode}`}): ${this.#log.trim()}`);
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.#child.exited;
    clearTimeout(kill);
  }

  async #keepLog(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#log = (this.#log + decoder.decode(chunk, { stream: true })).slice(-LOG_CHARS_MAX);
    }
  }
}

/** Nothing of the machine's own settings reaches what is measured. */
export function cleanEnvironment(more: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.fromEntries(["PATH", "HOME", "TMPDIR"].map((name) => [name, process.env[name] ?? ""]));
  return { ...kept, ...more };
}

export function freePort(): number {
  const probe = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = probe;
  void probe.stop(true);
  if (port === undefined) throw new Error("no port is free");
  return port;
}

/** Asks again until it holds; fails when the limit has passed or one of the programs has ended. */
export async function eventually(
  what: string,
  programs: readonly Program[],
  holds: () => Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (performance.now() < endMs) {
    for (const program of programs) program.assertRuns();
    if (await holds()) return;
    await Bun.sleep(20);
  }
  throw new Error(`not within ${limitMs / 1000} s: ${what}`);
}

export async function answers(url: string, headers: Readonly<Record<string, string>> = {}): Promise<boolean> {
  const response = await fetch(url, { headers }).catch(() => undefined);
  return response?.ok === true;
}
