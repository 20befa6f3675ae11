/**
 * What scripts/start has running. A terminal's Ctrl-C reaches none of it by itself, so that the one outlives
 * the other; and scripts/start-guard.sh stops it in this order in whatever way start.ts ends.
 */
import type { Subprocess } from "bun";

/** Holds back a program until the guard knows of it: without a word it never begins. */
const GATE = 'read -r _ && exec "$@" </dev/null';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Launch {
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly stdout: "ignore" | "inherit";
  readonly stderr: "pipe" | "inherit";
}

export class Children {
  readonly #root: string;
  readonly #guard;
  /** The newest first: so they stop. */
  #running: readonly Subprocess[] = [];
  #isStopping = false;

  constructor(root: string) {
    this.#root = root;
    this.#guard = Bun.spawn(["sh", "scripts/start-guard.sh"], {
      cwd: root,
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
  }

  start({ argv, env, stdout, stderr }: Launch): Subprocess {
    if (this.#isStopping) throw new Error("Nothing is started any more: everything is being stopped.");
    const child = Bun.spawn(["sh", "-c", GATE, "sh", ...argv], {
      cwd: this.#root,
      env,
      stdio: ["pipe", stdout, stderr],
      detached: true,
    });
    this.#tellGuard([child, ...this.#running]);
    // Its number may be given to another process: nobody must be stopped in its place.
    void child.exited.then(() => this.#tellGuard(this.#running.filter((other) => other !== child)));
    child.stdin.write("go\n");
    void child.stdin.end();
    return child;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    void this.#guard.stdin.end();
    await this.#guard.exited;
    // Nothing is left here, unless somebody has ended the guard.
    for (const child of this.#running) child.kill("SIGKILL");
    await Promise.all(this.#running.map((child) => child.exited));
  }

  #tellGuard(running: readonly Subprocess[]): void {
    this.#running = running;
    if (this.#isStopping) return;
    this.#guard.stdin.write(`${running.map(({ pid }) => pid).join(" ")}\n`);
    void this.#guard.stdin.flush();
  }
}

/** Resolves, once it has ended, with what a person is told of one that nobody has asked to. */
export async function endOf(name: string, child: Subprocess): Promise<string> {
  const exitCode = await child.exited;
  const how =
    child.signalCode === null ? `ended by itself with exit code ${exitCode}` : `was ended by ${child.signalCode}`;
  return `The ${name} ${how}: its log is data/${name}.log. What else runs is stopped.`;
}
