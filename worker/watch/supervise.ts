/**
 * Runs a worker, and runs it anew when its files have changed: the old one is drained first, so that
 * nothing is run twice. Files that cannot be read change nothing: the version before goes on.
 */
import type { Cancel } from "../../src/system/clock.ts";
import type { System } from "../../src/system/index.ts";
import type { Look } from "./look.ts";

export interface WatchedWorker {
  /** With the exit code; undefined: it was killed. */
  readonly ended: Promise<number | undefined>;
  /** Drains it; again: hurries it. */
  stop(): void;
  /** Ends it, whatever it does. */
  kill(): void;
}

export interface SuperviseParts {
  readonly system: Pick<System, "timers" | "log">;
  readonly look: () => Promise<Look>;
  readonly stamp: (inputs: readonly string[]) => string;
  readonly start: () => WatchedWorker;
  /** Longer than a worker takes to drain. One whose thread a handler blocks does not even hear that it should. */
  readonly endMs: number;
  /** Aborts when all has to end. */
  readonly stop: AbortSignal;
}

const LOOK_MS = 300;
/** What no change of a file would mend. */
const NO_SERVER = 3;
const REFUSED = 4;

export async function superviseWorker(parts: SuperviseParts): Promise<number> {
  return await new Supervisor(parts).run();
}

class Supervisor {
  readonly #over = Promise.withResolvers<number>();
  #worker: WatchedWorker | undefined;
  #look: Look = { hash: undefined, problem: undefined, inputs: [] };
  #stamp = "";
  #replacing = false;
  #cancel: Cancel = () => undefined;

  constructor(private readonly parts: SuperviseParts) {}

  async run(): Promise<number> {
    const { look, stamp, stop } = this.parts;
    this.#look = await look();
    this.#stamp = stamp(this.#look.inputs);
    this.#begin();
    this.#lookSoon();
    const stopped = () => this.#stop();
    if (stop.aborted) stopped();
    else stop.addEventListener("abort", stopped, { once: true });
    const exitCode = await this.#over.promise;
    this.#cancel();
    stop.removeEventListener("abort", stopped);
    return exitCode;
  }

  #begin(): void {
    const worker = this.parts.start();
    this.#worker = worker;
    void worker.ended.then((exitCode) => this.#ended(worker, exitCode));
  }

  #ended(worker: WatchedWorker, exitCode: number | undefined): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    if (this.#replacing) return;
    if (this.parts.stop.aborted || exitCode === 0 || exitCode === NO_SERVER || exitCode === REFUSED) {
      this.#over.resolve(exitCode ?? 1);
      return;
    }
    this.parts.system.log.warn("the worker has ended; it starts again when one of its files changes", {
      ...(exitCode !== undefined && { exit_code: exitCode }),
    });
  }

  #stop(): void {
    this.#cancel();
    if (this.#worker) this.#end(this.#worker);
    else this.#over.resolve(0);
  }

  #end(worker: WatchedWorker): void {
    const { system, endMs } = this.parts;
    const { timers, log } = system;
    const cancel = timers.after(endMs, () => {
      log.warn("the worker has not ended in time and is killed: a handler may block its thread");
      worker.kill();
    });
    void worker.ended.then(cancel);
    worker.stop();
  }

  #lookSoon(): void {
    this.#cancel = this.parts.system.timers.after(LOOK_MS, () => void this.#lookNow());
  }

  /** An editor saves in several steps: what is still changing is looked at the next time. */
  async #lookNow(): Promise<void> {
    const { stamp, stop } = this.parts;
    const seen = stamp(this.#look.inputs);
    if (seen !== this.#stamp && !this.#replacing) await this.#changed(seen);
    if (!stop.aborted) this.#lookSoon();
  }

  async #changed(seen: string): Promise<void> {
    const { look, stamp, system } = this.parts;
    const found = await look();
    if (stamp(this.#look.inputs) !== seen) return;
    const before = this.#look;
    // Of files that cannot be read nobody knows what they import: what they did before is watched on.
    this.#look = found.hash === undefined ? { ...found, hash: before.hash, inputs: union(before, found) } : found;
    this.#stamp = stamp(this.#look.inputs);
    if (found.problem !== undefined) {
      const rest = this.#worker ? "the version before goes on" : "no worker runs until it is mended";
      system.log.error(`the worker files cannot be read, ${rest}: ${found.problem}`);
    } else if (found.hash !== before.hash || !this.#worker) await this.#replace();
  }

  async #replace(): Promise<void> {
    const { system, stop } = this.parts;
    const worker = this.#worker;
    this.#replacing = true;
    if (worker) {
      system.log.info("a worker file has changed: the worker ends what it runs and starts anew");
      this.#end(worker);
      await worker.ended;
    }
    this.#replacing = false;
    if (stop.aborted) this.#over.resolve(0);
    else this.#begin();
  }
}

function union(one: Look, other: Look): readonly string[] {
  return [...new Set([...one.inputs, ...other.inputs])];
}
