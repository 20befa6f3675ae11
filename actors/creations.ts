/** Making jobs: all or none, once for each Idempotency-Key, and one at a time for each unique key. */
import type { Catalog } from "../src/catalog/port.ts";
import type { ClientFacts, Job } from "../src/job/model.ts";
import type { ActorSystem, Region, Reply } from "../src/runtime/types.ts";
import type { IdempotencyWrite, Storage } from "../src/storage/port.ts";
import { Refusal } from "../src/system/errors.ts";
import { shardOf } from "../src/system/ids.ts";
import type { System } from "../src/system/index.ts";
import { Lookup } from "../src/system/lookup.ts";
import type { SteadyClock } from "../src/system/steady.ts";
import { JointCreation } from "./job/joint.ts";
import type { JobMessage } from "./job/messages.ts";
import { Locks } from "./locks.ts";
import { newJob } from "./new-job.ts";
import type { Created, Idempotency, NewJob } from "./orchestrator.ts";

export interface CreationsParts {
  readonly system: System;
  /** For what is due. */
  readonly steady: SteadyClock;
  readonly actors: ActorSystem;
  readonly region: Region<JobMessage>;
  readonly storage: Storage;
  readonly catalog: Catalog;
  /** Ids of jobs that are about to be made. */
  readonly fresh: Set<string>;
  readonly limits: { readonly creationsAtOnce: number; readonly idempotencyMs: number; readonly outboxRows: number };
  /** How many rows the outbox has, as far as is known. */
  readonly outboxGauge: { readonly held: number };
}

type Admit = (made: number) => void;

interface Plan {
  readonly jobs: readonly Job[];
  /** For each that was asked for, in its order. */
  readonly answers: readonly Created[];
}

const ASK_MS = 30_000;
const OUTBOX_RETRY_SECONDS = 60;
/** A key can be taken between look and commit by one job that is retried at that very moment, or by the next. */
const TRIES = 5;

export class Creations {
  readonly #parts: CreationsParts;
  readonly #running = new Lookup<
    string,
    { readonly bodyHash: string; readonly answers: Promise<readonly Created[]> }
  >();
  readonly #locks = new Locks();
  #underWay = 0;

  constructor(parts: CreationsParts) {
    this.#parts = parts;
  }

  create(
    client: ClientFacts,
    asked: readonly NewJob[],
    idempotency: Idempotency | undefined,
    admit: Admit,
  ): Promise<readonly Created[]> {
    if (idempotency) return this.#once(client, asked, idempotency, admit);
    const [only] = asked;
    const isPlain = only && asked.length === 1 && only.uniqueKey === undefined;
    return isPlain ? this.#createOne(client, only, admit) : this.#createAll(client, asked, undefined, admit);
  }

  /** Most creations: one job, without any key. They are many, so nothing is awaited on the way that need not be. */
  #createOne(client: ClientFacts, asked: NewJob, admit: Admit): Promise<readonly Created[]> {
    try {
      this.#refuseTooMany([asked]);
      admit(1);
      const job = newJob(this.#parts, client, asked, undefined);
      this.#underWay += 1;
      return this.#askFor(job, undefined).then(
        (id) => {
          this.#underWay -= 1;
          this.#parts.fresh.delete(id);
          return [{ id }];
        },
        (error: unknown) => {
          this.#underWay -= 1;
          this.#parts.fresh.delete(job.id);
          throw error;
        },
      );
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  async #once(client: ClientFacts, asked: readonly NewJob[], idempotency: Idempotency, admit: Admit) {
    const name = `${client.id}\n${idempotency.key}`;
    const running = this.#running.get(name);
    if (running) {
      assertSameBody(running.bodyHash, idempotency);
      return running.answers;
    }
    const { storage, system } = this.#parts;
    const answers = (async () => {
      const first = await storage.jobs.idempotent(client.id, idempotency.key, system.clock.nowMs());
      if (!first) return this.#createAll(client, asked, idempotency, admit);
      assertSameBody(first.bodyHash, idempotency);
      return readAnswer(first.answer);
    })();
    this.#running.set(name, { bodyHash: idempotency.bodyHash, answers });
    try {
      return await answers;
    } finally {
      this.#running.delete(name);
    }
  }

  async #createAll(
    client: ClientFacts,
    asked: readonly NewJob[],
    idempotency: Idempotency | undefined,
    admit: Admit,
  ): Promise<readonly Created[]> {
    this.#refuseTooMany(asked);
    this.#underWay += 1;
    try {
      const names = asked.flatMap((one) => uniqueName(client, one) ?? []);
      if (names.length === 0) {
        admit(asked.length);
        return await this.#write(client, this.#plan(client, asked, new Map()), idempotency);
      }
      return await this.#locks.hold([...new Set(names)], () => this.#createUnique(client, asked, idempotency, admit));
    } finally {
      this.#underWay -= 1;
    }
  }

  async #createUnique(
    client: ClientFacts,
    asked: readonly NewJob[],
    idempotency: Idempotency | undefined,
    admit: Admit,
  ): Promise<readonly Created[]> {
    let admitted = 0;
    for (let left = TRIES; ; left--) {
      const plan = this.#plan(client, asked, await this.#holders(client, asked));
      if (plan.jobs.length > admitted) admit(plan.jobs.length - admitted);
      admitted = Math.max(admitted, plan.jobs.length);
      try {
        return await this.#write(client, plan, idempotency);
      } catch (error) {
        const isTaken = error instanceof Refusal && error.code === "UNIQUE_KEY_TAKEN";
        if (!isTaken || left <= 1) throw error;
      }
    }
  }

  /** Unique keys that open jobs have, with the job. */
  async #holders(client: ClientFacts, asked: readonly NewJob[]): Promise<Map<string, string>> {
    const holders = new Map<string, string>();
    for (const one of asked) {
      const name = uniqueName(client, one);
      if (name === undefined || one.uniqueKey === undefined || holders.has(name)) continue;
      const holder = await this.#parts.storage.jobs.holderOf(client.id, one.blueprint, one.uniqueKey);
      if (holder !== undefined) holders.set(name, holder);
    }
    return holders;
  }

  /** Of several with one key the first is made, and the others are answered with it. */
  #plan(client: ClientFacts, asked: readonly NewJob[], holders: Map<string, string>): Plan {
    const jobs: Job[] = [];
    let shard: number | undefined;
    const answers = asked.map((one): Created => {
      const name = uniqueName(client, one);
      const holder = name === undefined ? undefined : holders.get(name);
      if (holder !== undefined) return { id: holder, existing: true };
      const job = newJob(this.#parts, client, one, shard);
      shard = shardOf(job.id);
      jobs.push(job);
      if (name !== undefined) holders.set(name, job.id);
      return { id: job.id };
    });
    return { jobs, answers };
  }

  async #write(client: ClientFacts, { jobs, answers }: Plan, idempotency: Idempotency | undefined) {
    const write = idempotency && this.#keyed(client, idempotency, answers);
    const [only] = jobs;
    if (jobs.length === 1 && only) await this.#writeOne(only, write);
    else if (jobs.length > 0 || write) await this.#writeMany(jobs, write);
    return answers;
  }

  /** Resolves with its id once it is on disk. */
  #askFor(job: Job, idempotency: IdempotencyWrite | undefined): Promise<string> {
    const { fresh, actors, region } = this.#parts;
    fresh.add(job.id);
    const message = (reply: Reply<string>): JobMessage => ({ type: "create", job, idempotency, reply });
    return actors.ask(region.ref(job.id), message, ASK_MS);
  }

  async #writeOne(job: Job, idempotency: IdempotencyWrite | undefined): Promise<void> {
    try {
      await this.#askFor(job, idempotency);
    } finally {
      this.#parts.fresh.delete(job.id);
    }
  }

  /** Many at once: on disk in one unit, with what their first handlers do. */
  async #writeMany(jobs: readonly Job[], idempotency: IdempotencyWrite | undefined): Promise<void> {
    const { journal } = this.#parts.storage;
    if (jobs.length === 0) return journal.commit({ jobs: [], idempotency });
    try {
      await this.#writeJointly(jobs, new JointCreation(journal, jobs.length, idempotency));
    } catch (error) {
      // The store will not take what one of the handlers made of its job: it fails that job alone, once all of them are made.
      if (!(error instanceof Refusal) || error.code !== "STORE_INVALID") throw error;
      await this.#writeJointly(jobs, new JointCreation(journal, jobs.length, idempotency, true));
    }
  }

  async #writeJointly(jobs: readonly Job[], joint: JointCreation): Promise<void> {
    const { fresh, actors, region } = this.#parts;
    for (const { id } of jobs) fresh.add(id);
    for (const job of jobs) {
      const message = (reply: Reply<string>): JobMessage => ({ type: "create", job, joint, reply });
      // One that fails after the commit is on disk, and goes on from there.
      actors.ask(region.ref(job.id), message, ASK_MS).catch((error: unknown) => joint.fail(error));
    }
    try {
      await joint.written;
    } finally {
      for (const { id } of jobs) fresh.delete(id);
    }
  }

  #keyed(client: ClientFacts, { key, bodyHash, keptMs }: Idempotency, answers: readonly Created[]): IdempotencyWrite {
    const { system, limits } = this.#parts;
    const expiresAtMs = system.clock.nowMs() + (keptMs ?? limits.idempotencyMs);
    return { client: client.id, key, bodyHash, answer: answerText(answers), expiresAtMs };
  }

  #refuseTooMany(asked: readonly NewJob[]): void {
    const { limits, outboxGauge } = this.#parts;
    if (this.#underWay >= limits.creationsAtOnce) {
      throw new Refusal("TOO_BUSY", 503, "Too many creations are under way; try again in a second.", undefined, 1);
    }
    // Each job that ends would add to what cannot be delivered.
    if (outboxGauge.held >= limits.outboxRows && asked.some((one) => one.webhookUrl !== undefined)) {
      const message = `${limits.outboxRows} messages could not be delivered yet, so that no job with a webhook_url is taken: leave it out, or try again in a minute. Operators see them with "orchestrator outbox list".`;
      throw new Refusal("OUTBOX_FULL", 503, message, undefined, OUTBOX_RETRY_SECONDS);
    }
  }
}

function uniqueName(client: ClientFacts, { blueprint, uniqueKey }: NewJob): string | undefined {
  return uniqueKey === undefined ? undefined : JSON.stringify([client.id, blueprint, uniqueKey]);
}

/** An id alone is of a job that was made. */
function answerText(answers: readonly Created[]): string {
  return JSON.stringify(answers.map((one) => (one.existing ? one : one.id)));
}

function readAnswer(text: string): readonly Created[] {
  const stored = JSON.parse(text) as readonly (string | Created)[];
  return stored.map((one) => (typeof one === "string" ? { id: one } : one));
}

function assertSameBody(bodyHash: string, idempotency: Idempotency): void {
  if (bodyHash === idempotency.bodyHash) return;
  const message = "This Idempotency-Key was used with another body; send the same body, or choose a new key.";
  throw new Refusal("IDEMPOTENCY_MISMATCH", 422, message);
}
