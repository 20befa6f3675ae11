/**
 * Operators and their programs: they look for jobs, whosever they are, and have them tried again, run anew
 * or cancelled, one or many at once. They meet children, aggregators and jobs that ended this very moment.
 */
import type { Jobs } from "../../actors/orchestrator.ts";
import { definitionOf } from "../../src/blueprint/index.ts";
import { changeAll } from "../../src/http/many-jobs.ts";
import { isTerminal, type Job, type JobStatus } from "../../src/job/model.ts";
import type { JobWrite } from "../../src/storage/port.ts";
import { ALL_FLOWS } from "./blueprints.ts";
import { BRITTLE_FLOWS } from "./brittle-flows.ts";
import { Chance } from "./chance.ts";
import type { Faltering } from "./flow.ts";
import { GATED_FLOWS } from "./gated-flows.ts";
import { ask } from "./network.ts";
import { promise } from "./promise.ts";
import type { World } from "./world.ts";

const FAILED: readonly [JobStatus, ...JobStatus[]] = ["failed", "quarantined", "cancelled"];
/** So often one job is set going again at once: for ever would be no world that comes to rest. */
const REACTIONS_MAX = 3;

export class Operators {
  readonly #chance: Chance;
  readonly #areThere: boolean;
  readonly #reactions = new Map<string, number>();
  readonly #reruns = new Map<string, string>();
  #keys = 0;

  constructor(readonly world: World) {
    // Chance of their own: worlds without them stay what they were.
    this.#chance = new Chance(world.seed ^ 0x0be7a80e);
    this.#areThere = this.#chance.is(0.5);
  }

  plan(): void {
    if (!this.#areThere) return;
    const { time, clients } = this.world;
    for (let count = this.#chance.between(0, 4); count > 0; count--) {
      const flow = this.#chance.pick([...BRITTLE_FLOWS, ...GATED_FLOWS])?.blueprint.name;
      time.at(this.#chance.between(0, 12_000), () => clients.create(flow));
    }
    for (let count = this.#chance.between(1, 8); count > 0; count--) {
      const act = this.#chance.one(
        () => this.#retry(this.#some(isFailed)),
        () => this.#retry(this.#some(() => true)),
        () => this.#rerun(this.#some(() => true)),
        () => this.#rerun(this.#some(() => true)),
        () => this.#many("retry"),
        () => this.#many("cancel"),
      );
      time.at(this.#chance.between(0, 28_000), () => this.world.isBad && act());
    }
  }

  /** Somebody waits for just that. */
  durable(write: JobWrite): void {
    if (!this.#areThere || !this.world.isBad) return;
    this.#meetFailure(write);
    if (isTerminal(write.job.status) && write.job.gate) this.#meetNextInLine(write.job);
  }

  #meetFailure({ job, events }: JobWrite): void {
    if (!events.some(({ type }) => type === "job_failed")) return;
    const reactions = this.#reactions.get(job.id) ?? 0;
    if (reactions >= REACTIONS_MAX || !this.#chance.is(isBrittle(job) ? 0.6 : 0.25)) return;
    this.#reactions.set(job.id, reactions + 1);
    this.world.time.at(this.#chance.one(0, 0, 1, 20, 300, 3_000), () => {
      this.#retry(job.id);
      if (this.#chance.is(0.2)) this.world.time.at(this.#chance.delayMs(500), () => this.#cancel(job.id));
    });
  }

  /** Cancelled and taken up again at the very moment when it is let in. */
  #meetNextInLine({ blueprint }: Job): void {
    if (!this.#chance.is(0.3)) return;
    const { time } = this.world;
    const id = this.#some((job) => job.blueprint === blueprint && job.status === "pending" && !job.gate?.isIn);
    if (id === undefined) return;
    time.at(this.#chance.between(0, 5), () => this.#cancel(id));
    time.at(this.#chance.between(0, 20), () => this.#retry(id));
  }

  falters(): Faltering {
    if (!this.#areThere || !this.world.isBad || this.#chance.is(0.5)) return undefined;
    return this.#chance.one("throws", "fails");
  }

  #some(fits: (job: Job) => boolean): string | undefined {
    const { ledger, server } = this.world;
    const { disk } = server;
    // What is not synced yet may be gone when they ask for it.
    const ids = [...ledger.jobs.keys()].filter((id) => {
      const job = disk.job(id);
      return job && fits(job);
    });
    return this.#chance.pick(ids);
  }

  /** Asked for once, or by two at the same time. */
  #retry(id: string | undefined): void {
    if (id === undefined) return;
    this.world.people.retry(id, undefined);
    if (this.#chance.is(0.2)) this.world.people.retry(id, undefined);
  }

  #cancel(id: string): void {
    ask(this.world, {
      name: `operator cancels ${id.slice(-6)}`,
      send: (engine) => {
        this.world.ledger.cancelAsked(id);
        return engine.jobs.cancel(undefined, id);
      },
      said: () => this.world.ledger.cancelled(id),
      done: () => undefined,
    });
  }

  // ---- anew

  #rerun(id: string | undefined): void {
    const job = id === undefined ? undefined : this.world.server.disk.job(id);
    if (!job) return;
    const flow = ALL_FLOWS.find(({ blueprint }) => blueprint.name === job.blueprint);
    const states = flow ? [...definitionOf(flow.blueprint).states.keys()] : [];
    const fromState = this.#chance.is(0.6) ? this.#chance.pick(states) : undefined;
    const viewer = this.#chance.is(0.5) ? job.client.id : undefined;
    const changes = fromState === undefined ? {} : { fromState };
    const key = `rerun-${++this.#keys}`;
    this.world.people.insist({
      id: job.id,
      name: `rerun from ${fromState ?? "its start"}`,
      send: (engine) => engine.jobs.rerun(viewer, job.id, changes, key),
      said: (madeId) => this.#remade(job, madeId, fromState, key),
    });
  }

  #remade(job: Job, madeId: string, fromState: string | undefined, key: string): void {
    const { ledger, server } = this.world;
    ledger.created([madeId]);
    const made = server.disk.job(madeId);
    const isSo = made?.rerunOf === job.id && made.blueprint === job.blueprint && made.initialData === job.initialData;
    promise(isSo, `a rerun of job ${job.id} was answered with job ${madeId}, which is another`);
    const { first } = ledger.jobs.get(madeId) ?? {};
    promise(first === (fromState ?? "start"), `job ${madeId} was to begin in ${fromState ?? "start"}, not in ${first}`);
    promise((this.#reruns.get(key) ?? madeId) === madeId, `one rerun of job ${job.id} made two jobs`);
    this.#reruns.set(key, madeId);
  }

  /** A key lives for a day. */
  forgetKeys(): void {
    this.#reruns.clear();
  }

  // ---- many at once, as the door does it

  #many(what: "retry" | "cancel"): void {
    const blueprint = this.#chance.is(0.5) ? this.#chance.pick(ALL_FLOWS)?.blueprint.name : undefined;
    const status = what === "retry" ? this.#chance.one(...FAILED) : undefined;
    const parent = this.#chance.is(0.3) ? this.#some((job) => job.parentId !== undefined) : undefined;
    const parentId = parent === undefined ? undefined : this.world.server.disk.job(parent)?.parentId;
    const query = {
      limit: this.#chance.one(3, 100),
      ...(status !== undefined && { status }),
      ...(blueprint !== undefined && { blueprint }),
      ...(parentId !== undefined && { parent: parentId }),
    };
    ask(this.world, {
      name: `${what} all that are ${JSON.stringify(query)}`,
      send: async (engine) => {
        const done = new Set<string>();
        const jobs = this.#counted(engine.jobs, done);
        const { changed } = await changeAll(jobs, { what, viewer: undefined, isDryRun: false }, query);
        const isSo = changed.length === done.size && changed.every((id) => done.has(id));
        const [told, real] = [changed.join(" "), [...done].join(" ")];
        this.world.hold(() => promise(isSo, `${what} was told of ${told} and done to ${real}`));
        return changed;
      },
      done: () => undefined,
    });
  }

  /** What is done to each of them counts at that moment: it may be something else before the last one is done. */
  #counted(jobs: Jobs, done: Set<string>): Jobs {
    const { ledger } = this.world;
    return {
      ...jobs,
      retry: async (viewer, id) => {
        ledger.retryAsked(id);
        await jobs.retry(viewer, id);
        done.add(id);
        this.world.hold(() => ledger.retryTaken(id));
      },
      cancel: async (viewer, id) => {
        ledger.cancelAsked(id);
        const answer = await jobs.cancel(viewer, id);
        done.add(id);
        this.world.hold(() => ledger.cancelled(id));
        return answer;
      },
    };
  }
}

function isBrittle({ blueprint }: Job): boolean {
  return BRITTLE_FLOWS.some((flow) => flow.blueprint.name === blueprint);
}

function isFailed({ status }: Job): boolean {
  return isTerminal(status) && status !== "finished";
}
