/**
 * Jobs that stand in line through all that goes wrong, for a worker that comes once it is over and
 * takes one task at a time: they are served in their order, whatever the queue went through.
 */
import { isTerminal, type TaskWait } from "../../src/job/model.ts";
import { LINED, LINED_TASK } from "./blueprints.ts";
import { promise } from "./ledger.ts";
import { PollWorker } from "./poll-worker.ts";
import type { World } from "./world.ts";

/** Two rounds of the sweep: what it has to find again stands in line as well by then. */
const SWEPT_MS = 200_000;

interface Place {
  readonly wait: TaskWait;
  readonly begun: boolean;
}

class Clerk extends PollWorker {
  override get concurrency(): number {
    return 1;
  }

  override get tasks(): readonly string[] {
    return [LINED_TASK];
  }

  /** Anybody else would not know how to serve the line. */
  override comesAgain = (): void => new Clerk(this.world, this.id).start();
}

export class LineUp {
  #clerk: Clerk | undefined;
  #starts = 0;
  #places: ReadonlyMap<string, Place> = new Map();

  constructor(readonly world: World) {}

  plan(): void {
    const { chance, time, clients } = this.world;
    if (chance.is(0.5)) return;
    for (let job = chance.between(3, 9); job > 0; job--)
      time.at(chance.between(0, 12_000), () => clients.create(LINED));
  }

  /** It has nothing to do but wait for its turn. */
  isStanding(jobId: string): boolean {
    return !this.#clerk && this.#placeOf(jobId) !== undefined;
  }

  serve(step: () => void): void {
    const { world } = this;
    const { jobs } = world.server.disk;
    if (this.#clerk) return;
    if (![...jobs.keys()].some((id) => this.#placeOf(id))) return;
    const untilMs = world.time.monotonicMs() + (world.server.hasUnread ? SWEPT_MS : 0);
    while (world.time.monotonicMs() < untilMs) step();
    this.#places = new Map([...jobs.keys()].flatMap((id) => this.#entry(id)));
    world.note("the clerk comes, and serves who stands in line");
    this.#starts = world.server.starts;
    this.#clerk = new Clerk(world, "clerk");
    this.#clerk.start();
  }

  judge(): void {
    const { ledger, server } = this.world;
    // A server that was about to die when all else was over took somebody's turn with it.
    if (!this.#clerk || server.starts !== this.#starts) return;
    const kept = ledger.handedTo(this.#clerk.id).filter((id) => ledger.jobs.get(id)?.retries === 0);
    const served = kept.map((id) => ({ id, place: this.#places.get(id) }));
    for (const [index, { id, place }] of served.entries()) {
      const before = served[index - 1];
      if (!before?.place || !place) continue;
      promise(isInOrder(before.place, place), `job ${before.id} was served before job ${id}, which stood ahead of it`);
    }
  }

  #entry(id: string): [string, Place][] {
    const place = this.#placeOf(id);
    return place ? [[id, place]] : [];
  }

  #placeOf(id: string): Place | undefined {
    const job = this.world.server.disk.job(id);
    const wait = job?.task;
    if (!job || !wait || isTerminal(job.status) || wait.order.type !== LINED_TASK) return undefined;
    return { wait, begun: job.begun === true };
  }
}

function isInOrder(before: Place, after: Place): boolean {
  const [a, b] = [before.wait, after.wait];
  if (a.order.priority !== b.order.priority) return a.order.priority > b.order.priority;
  if (before.begun !== after.begun) return before.begun;
  return a.queuedAtMs <= b.queuedAtMs;
}
