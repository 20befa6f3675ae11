/** Clients that create, read and cancel, and send again what they did not hear of. */
import type { Created } from "../../actors/orchestrator.ts";
import { isTerminal } from "../../src/job/model.ts";
import { FLOWS } from "./blueprints.ts";
import { GATED_FLOWS } from "./gated-flows.ts";
import { promise } from "./ledger.ts";
import { ask } from "./network.ts";
import { STORE_FLOWS } from "./store-flows.ts";
import type { World } from "./world.ts";

export const CLIENT = { id: "client", config: {} };

const RUSHED = [...STORE_FLOWS, ...GATED_FLOWS];

interface Creation {
  readonly number: number;
  readonly key: string | undefined;
  readonly jobs: readonly {
    readonly blueprint: string;
    readonly initialData: string;
    readonly deadlineSeconds?: number;
    readonly webhookUrl?: string;
    readonly startAtMs?: number;
    readonly uniqueKey?: string;
  }[];
  ids: readonly string[] | undefined;
}

export class Clients {
  #creations = 0;
  #open = 0;
  readonly #acknowledged = new Set<string>();
  readonly #cancelled = new Set<string>();

  constructor(readonly world: World) {}

  /** Requests whose end nobody knows yet. */
  get open(): number {
    return this.#open;
  }

  /** Of any flow, or of this one. */
  create(named?: string): void {
    const { chance } = this.world;
    const number = ++this.#creations;
    // Many at once that want the same data store, or the same place at a gate.
    const rush = named === undefined && chance.is(0.25) ? chance.pick(RUSHED) : undefined;
    const size = rush ? chance.between(3, 12) : chance.is(0.2) ? chance.between(2, 5) : 1;
    const jobs = Array.from({ length: size }, (_, index) => {
      const flow = named ?? (rush ?? chance.pick(FLOWS))?.blueprint.name ?? "one";
      const count = chance.is(0.1) ? chance.between(10, 30) : chance.between(2, 5);
      const deadline = chance.is(0.15) ? { deadlineSeconds: chance.between(2, 30) } : {};
      const told = this.world.receivers.addressFor(number + index);
      const until = new Date(this.world.time.nowMs() + chance.between(0, 15_000)).toISOString();
      const start =
        chance.is(0.12) && !("deadlineSeconds" in deadline)
          ? { startAtMs: this.world.time.nowMs() + chance.between(-2_000, 10_000) }
          : {};
      const unique = chance.is(0.25) ? { uniqueKey: `unique-${chance.between(1, 2)}` } : {};
      const initialData = JSON.stringify({ request: number, index, count, until });
      return { blueprint: flow, initialData, ...deadline, ...told, ...start, ...unique };
    });
    const key = chance.is(0.6) ? `key-${number}` : undefined;
    this.#send({ number, key, jobs, ids: undefined });
    if (key !== undefined && chance.is(0.2)) this.#send({ number, key, jobs, ids: undefined });
  }

  #send(creation: Creation): void {
    const { world } = this;
    const { key, jobs, number } = creation;
    this.#open += 1;
    const idempotency = key === undefined ? [] : [{ key, bodyHash: JSON.stringify(jobs) }];
    ask(world, {
      name: `create ${number} as ${jobs.map((job) => job.blueprint).join(" ")}`,
      send: (engine) => engine.jobs.submit(CLIENT, jobs, ...idempotency),
      said: (created) => this.#acknowledge(creation, created),
      done: (outcome) => {
        this.#open -= 1;
        if (outcome.type === "answer") return this.#follow(outcome.value.map(({ id }) => id));
        const mayAgain = key !== undefined || outcome.type === "refusal";
        const isUnknown = outcome.type === "refusal" && outcome.code === "OUTCOME_UNKNOWN" && key === undefined;
        if (!mayAgain || isUnknown) return;
        this.#open += 1;
        world.time.at(world.chance.between(50, 1_500), () => {
          this.#open -= 1;
          this.#send(creation);
        });
      },
    });
  }

  readonly #answers = new Map<string, string>();

  #acknowledge(creation: Creation, created: readonly Created[]): void {
    const { world } = this;
    const ids = created.map(({ id }) => id);
    world.ledger.created(ids);
    promise(ids.length === creation.jobs.length, `creation ${creation.number} made ${ids.length} jobs`);
    for (const id of ids) this.#acknowledged.add(id);
    for (const [index, { id, existing }] of created.entries()) {
      const { uniqueKey, blueprint } = creation.jobs[index] ?? {};
      const job = world.server.disk.job(id);
      const isSo = job?.uniqueKey === uniqueKey && job?.blueprint === blueprint;
      promise(isSo, `creation ${creation.number} was answered with job ${id}, which is another`);
      promise(!existing || uniqueKey !== undefined, `creation ${creation.number} has no unique key and made no job`);
    }
    if (creation.key === undefined) return;
    const text = ids.join(" ");
    const before = this.#answers.get(creation.key);
    promise(before === undefined || before === text, `${creation.key} was answered with other jobs than before`);
    this.#answers.set(creation.key, text);
    if (world.isHappening(0.2)) this.#sendOtherBody(creation.key);
  }

  /** Longer ago than a key is kept: what was on its way so long makes jobs anew. */
  forgetKeys(): void {
    this.#answers.clear();
  }

  #sendOtherBody(key: string): void {
    const job = { blueprint: "one", initialData: '{"request":-1,"index":0,"count":1}' };
    ask(this.world, {
      name: `create with the used key ${key}`,
      send: (engine) => engine.jobs.create(CLIENT, [job], { key, bodyHash: "another" }),
      said: () => promise(false, `${key} was taken again with another body`),
      done: () => undefined,
    });
  }

  /** What people do with jobs that they know of. */
  #follow(ids: readonly string[]): void {
    const { world } = this;
    const { chance } = world;
    for (const id of ids) {
      for (let reads = chance.between(0, 2); reads > 0; reads--) {
        world.time.at(chance.between(0, 20_000), () => this.#read(id));
      }
      if (world.weather.people) world.people.meet(id);
      if (!world.weather.cancels || !chance.is(0.4)) continue;
      const cancels = chance.is(0.3) ? 2 : 1;
      for (let count = 0; count < cancels; count++) world.time.at(chance.delayMs(15_000), () => this.#cancel(id));
    }
  }

  #read(id: string): void {
    const { world } = this;
    ask(world, {
      name: `read ${id.slice(-6)}`,
      async send(engine) {
        const leastVersion = world.ledger.shown(id);
        const { job } = await engine.jobs.read(CLIENT.id, id);
        return { job, leastVersion };
      },
      said: ({ job, leastVersion }) => world.ledger.read(job, leastVersion),
      done: (outcome) => {
        const isFound = outcome.type !== "refusal" || outcome.status !== 404 || world.night.isOver;
        promise(isFound, `job ${id} was acknowledged and is not found`);
      },
    });
  }

  #cancel(id: string): void {
    const { world } = this;
    this.#open += 1;
    ask(world, {
      name: `cancel ${id.slice(-6)}`,
      send: (engine) => {
        world.ledger.cancelAsked(id);
        return engine.jobs.cancel(CLIENT.id, id);
      },
      said: () => {
        world.ledger.cancelled(id);
        this.#cancelled.add(id);
      },
      done: (outcome) => {
        this.#open -= 1;
        const isFound = outcome.type !== "refusal" || outcome.status !== 404 || world.night.isOver;
        promise(isFound, `job ${id} was acknowledged and is not found`);
        if (outcome.type === "lost" || (outcome.type === "refusal" && outcome.status !== 409)) {
          if (world.chance.is(0.8)) world.time.at(world.chance.between(100, 2_000), () => this.#cancel(id));
        }
      },
    });
  }

  /** Once all is quiet. */
  check(): void {
    const { disk } = this.world.server;
    const seen = new Set<string>();
    for (const id of this.#acknowledged) promise(disk.jobs.has(id), `job ${id} was acknowledged and is gone`);
    for (const id of disk.jobs.keys()) {
      const job = disk.job(id);
      if (
        !job ||
        job.parentId !== undefined ||
        job.rerunOf !== undefined ||
        (this.world.ledger.jobs.get(id)?.retries ?? 0) > 0
      )
        continue;
      const { request, index } = JSON.parse(job.initialData) as { request: number; index: number };
      const asked = `${request}/${index}`;
      const isKeyed = this.#answers.has(`key-${request}`);
      promise(!isKeyed || !seen.has(asked), `creation ${asked} was sent with a key and made two jobs`);
      seen.add(asked);
      if (!this.#cancelled.has(id) || !isTerminal(job.status) || job.blueprint === "mending") continue;
      // A handler of its last state that breaks every time is told as that.
      const isSo = job.status === "cancelled" || job.status === "quarantined";
      promise(isSo, `job ${id} was cancelled and ended as ${job.status}`);
    }
  }
}
