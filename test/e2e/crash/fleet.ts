/** The workers of a campaign, under fixed names that come back, and what was done to whom and when. */
import { join } from "node:path";
import { type Program, type Server, startWorker } from "../binary.ts";
import { WORKER_IDS, type WorkerId } from "./plan.ts";

const FILE = join(import.meta.dir, "workers", "load.ts");
const CONCURRENCY = "20";
const ENVIRONMENT = { HEARTBEAT_INTERVAL: "1", TASK_POLL_ERROR_DELAY: "0.2", WORKER_SHUTDOWN_TIMEOUT: "1" };

/** A time in which a worker could not answer: the one reason for which an attempt may be lost. */
export interface Harm {
  readonly worker: string;
  readonly fromMs: number;
  toMs: number;
}

export class Fleet {
  readonly harms: Harm[] = [];
  readonly #server: Server;
  readonly #programs = new Map<WorkerId, Program>();

  constructor(server: Server, ids: readonly WorkerId[] = WORKER_IDS) {
    this.#server = server;
    for (const id of ids) this.start(id);
  }

  start(id: WorkerId): void {
    const transport = id.startsWith("poll") ? "poll" : "ws";
    const flags = ["--id", id, "--transport", transport, "--concurrency", CONCURRENCY];
    this.#programs.set(id, startWorker(this.#server, [FILE], flags, ENVIRONMENT));
  }

  async kill(id: WorkerId): Promise<void> {
    const harm = this.#harm(id);
    await this.#program(id).kill();
    harm.toMs = Date.now();
  }

  /** In an orderly way: what it had in hand goes back, and costs nothing. Resolves with the exit code. */
  drain(id: WorkerId): Promise<number> {
    return this.#program(id).kill("SIGTERM");
  }

  async freeze(id: WorkerId, frozenMs: number): Promise<void> {
    const harm = this.#harm(id);
    this.#program(id).freeze();
    await Bun.sleep(frozenMs);
    this.#program(id).thaw();
    harm.toMs = Date.now();
  }

  /** Those that ended though nobody told them to. */
  get ended(): string[] {
    return [...this.#programs].filter(([, program]) => program.hasEnded).map(([id]) => id);
  }

  async end(): Promise<void> {
    for (const program of this.#programs.values()) program.thaw();
    await Promise.all([...this.#programs.values()].map((program) => program.kill()));
  }

  #harm(worker: WorkerId): Harm {
    const harm = { worker, fromMs: Date.now(), toMs: Number.POSITIVE_INFINITY };
    this.harms.push(harm);
    return harm;
  }

  #program(id: WorkerId): Program {
    const program = this.#programs.get(id);
    if (!program) throw new Error(`worker ${id} was never started`);
    return program;
  }
}
