/** scripts/start.ts as a process, in a checkout of its own: its data is nobody else's. */
import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { eventually, temporaryFolder } from "../e2e/binary.ts";

const root = join(import.meta.dir, "..", "..");
const COPIED = ["scripts", "blueprints", "package.json"];
const LINKED = ["dist", "src", "node_modules"];
const LIMIT_MS = 30_000;

interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** What runs on this machine. */
async function processes(): Promise<readonly Row[]> {
  const text = await Bun.spawn(["ps", "-A", "-o", "pid=,ppid=,stat=,args="], { stdin: "ignore" }).stdout.text();
  return text.split("\n").flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // A zombie has ended; nobody has asked how.
    if (command === undefined || state?.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

export class Start {
  readonly #folder = temporaryFolder();
  readonly #child;
  readonly #err: Promise<string>;
  readonly #read: Promise<void>;
  #out = "";

  constructor() {
    for (const name of COPIED) cpSync(join(root, name), join(this.path, name), { recursive: true });
    for (const name of LINKED) symlinkSync(join(root, name), join(this.path, name));
    mkdirSync(join(this.path, "data"));
    this.#child = Bun.spawn([process.execPath, "scripts/start.ts", "--port", "0"], {
      cwd: this.path,
      env: { PATH: process.env["PATH"] },
      stdio: ["ignore", "pipe", "pipe"],
      // A process group of its own, as a shell gives one to each command.
      detached: true,
    });
    this.#err = this.#child.stderr.text();
    this.#read = this.#keep(this.#child.stdout);
  }

  get path(): string {
    return this.#folder.path;
  }

  /** When the log has this message; NaN if it lacks it. */
  timeOf(name: "server" | "worker", message: string): number {
    const lines = readFileSync(join(this.path, "data", `${name}.log`), "utf8").split("\n");
    const line = lines.find((line) => line.includes(message)) ?? "";
    return Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? "");
  }

  async isUp(): Promise<void> {
    await eventually("scripts/start has run its first job", LIMIT_MS, async () => this.#out.includes("Ctrl-C stops"));
  }

  /** The process that runs this command of the program. */
  async pidOf(command: "serve" | "worker"): Promise<number> {
    const all = await processes();
    const found = all.find(
      (row) => row.parent === this.#child.pid && row.command.startsWith(`dist/orchestrator ${command} `),
    );
    if (!found) throw new Error(`scripts/start has no ${command}`);
    return found.pid;
  }

  /** What Ctrl-C in a terminal does. */
  interruptGroup(): void {
    process.kill(-this.#child.pid, "SIGINT");
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<{ readonly exitCode: number; readonly err: string }> {
    const exitCode = await this.#child.exited;
    await this.#read;
    return { exitCode, err: await this.#err };
  }

  async remove(...pids: readonly number[]): Promise<void> {
    this.kill("SIGTERM");
    await this.#child.exited;
    await areGone(...pids);
    this.#folder.remove();
  }

  async #keep(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#out += decoder.decode(chunk, { stream: true });
  }
}

export async function areGone(...pids: readonly number[]): Promise<void> {
  await eventually("all that scripts/start has started is gone", LIMIT_MS, async () =>
    (await processes()).every(({ pid }) => !pids.includes(pid)),
  );
}
