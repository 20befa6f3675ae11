/**
 * The server is off for more than a day, and what had ended long ago goes when it is back: whole trees or none of
 * them, nothing that is open or that somebody takes up at that very moment, and all that belonged to it as well.
 */
import { isTerminal } from "../../src/job/model.ts";
import { Chance } from "./chance.ts";
import { ask } from "./network.ts";
import { promise } from "./promise.ts";
import type { World } from "./world.ts";

const HOUR_MS = 3_600_000;
/** As long as is allowed at least. */
const KEPT_MS = 24 * HOUR_MS;
const NIGHT_MS = 25 * HOUR_MS;
/** The first round is a minute after a start. */
const FIRST_ROUND_MS = 75_000;

interface Tree {
  readonly ids: readonly string[];
  readonly isOver: boolean;
  /** Of all of it, when the server went off. */
  readonly versions: readonly number[];
}

export class Night {
  /** How long jobs are kept in this world after their end; undefined: for ever. */
  readonly keptMs: number | undefined;
  readonly #chance: Chance;
  #trees: readonly Tree[] = [];
  #isOver = false;

  constructor(readonly world: World) {
    // Chance of its own: worlds without a night stay what they were.
    this.#chance = new Chance(world.seed ^ 0x2e7e470f);
    const isThere = this.#chance.is(0.15) && world.options.kind === undefined;
    this.keptMs = isThere ? KEPT_MS : undefined;
  }

  /** Jobs may be gone. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** All is quiet before it. */
  fall(): void {
    const { world } = this;
    this.#isOver = true;
    world.note("the server is off for a night and a day");
    this.#trees = this.#grown();
    world.server.process?.die();
    world.time.block(NIGHT_MS);
    world.clients.forgetKeys();
    world.timetable.forgetKeys();
    world.operators.forgetKeys();
    for (let count = this.#chance.between(0, 8); count > 0; count--) {
      const id = this.#chance.pick(this.#trees.flatMap(({ ids }) => ids));
      if (id === undefined) continue;
      // Most of them when the first round comes.
      const atMs = this.#chance.is(0.7) ? this.#chance.between(59_500, 62_000) : this.#chance.between(0, 70_000);
      world.time.at(atMs, () => this.#retry(id));
    }
  }

  get untilMs(): number {
    return this.world.time.monotonicMs() + FIRST_ROUND_MS;
  }

  #grown(): Tree[] {
    const { disk } = this.world.server;
    const jobs = [...disk.jobs.keys()].flatMap((id) => disk.job(id) ?? []);
    const below = (id: string): string[] => [
      id,
      ...jobs.filter(({ parentId }) => parentId === id).flatMap((child) => below(child.id)),
    ];
    const roots = jobs.filter(({ parentId }) => parentId === undefined);
    return roots.map(({ id }) => {
      const ids = below(id);
      const rows = ids.flatMap((one) => disk.jobs.get(one) ?? []);
      const isOver = rows.every(({ status }) => isTerminal(status));
      return { ids, isOver, versions: rows.map(({ version }) => version) };
    });
  }

  #retry(id: string): void {
    const { ledger } = this.world;
    ask(this.world, {
      name: `retry in the morning of ${id.slice(-6)}`,
      send: (engine) => {
        // On a bad network one request may come twice, and the job have failed again by then.
        ledger.retryAsked(id);
        return engine.jobs.retry(undefined, id);
      },
      said: () => promise(this.world.server.disk.jobs.has(id), `job ${id} was retried, acknowledged, and is gone`),
      done: () => undefined,
    });
  }

  judge(): void {
    const { disk } = this.world.server;
    for (const tree of this.#trees) {
      const { ids } = tree;
      const there = ids.filter((id) => disk.jobs.has(id));
      const isWhole = there.length === 0 || there.length === ids.length;
      promise(isWhole, `of the tree ${ids.join(" ")} is left ${there.join(" ")}`);
      const mayGo = tree.isOver && !this.#wasTakenUp(tree);
      promise(
        mayGo || there.length > 0,
        `job ${ids[0]} is open, or was in the morning, or something below it, and is gone`,
      );
      promise(!mayGo || there.length === 0, `job ${ids[0]} ended long ago, and is still there`);
      for (const id of ids) if (!disk.jobs.has(id)) this.#judgeGone(id);
    }
  }

  /** Something of it has changed since. */
  #wasTakenUp({ ids, versions }: Tree): boolean {
    return ids.some((id, index) => this.world.ledger.jobs.get(id)?.version !== versions[index]);
  }

  /** Nothing of it is left behind. */
  #judgeGone(id: string): void {
    const { branches, history, outbox, references } = this.world.server.disk;
    promise(!history.get(id)?.length, `job ${id} is gone, and its history is not`);
    promise(!branches.get(id)?.size, `job ${id} is gone, and its branches are not`);
    promise(![...outbox.values()].some(({ jobId }) => jobId === id), `job ${id} is gone, and a message of it is not`);
    const isReferred = [...references.keys()].some((key) => (JSON.parse(key) as string[])[0] === id);
    promise(!isReferred, `job ${id} is gone, and what is referred to of it is not`);
  }
}
