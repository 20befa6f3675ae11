/** The engine in virtual time with schedules on top: a file in memory, and a register that a test can hold up. */
import type { Schedules } from "../../../actors/orchestrator.ts";
import { createSchedules } from "../../../actors/schedules/schedules.ts";
import type { ScheduleSource } from "../../../src/schedules/source.ts";
import type { Job } from "../../../src/job/model.ts";
import type { Service } from "../../../src/system/lifecycle.ts";
import { isoTime } from "../../../src/system/iso.ts";
import { Blueprint } from "../../../src/blueprint/index.ts";
import { oneTask } from "../../support/blueprints.ts";
import { World } from "../../support/engine.ts";

const LOOK_MS = 1_000;

function endsAtOnce(name: string): Blueprint {
  const blueprint = new Blueprint({ name });
  blueprint.handlerFor("start", { isStart: true }, (_, actions) => actions.transitionTo("finished"));
  blueprint.handlerFor("finished", { isEnd: true }, () => undefined);
  return blueprint;
}

export class Stage {
  /** What schedules.toml holds; undefined: it is not there. */
  text: string | undefined;
  #read: string | undefined;
  schedules: Schedules & Service;
  /** Nothing is noted of schedules from now on, as if the process died between a creation and the note of it. */
  isHeldUp = false;
  readonly withoutBlueprints = new Set<string>();

  private constructor(
    readonly world: World,
    text: string,
  ) {
    this.text = text;
    this.schedules = this.#create();
  }

  static async start(text: string, folder?: string): Promise<Stage> {
    const blueprints = [oneTask("report"), oneTask("other"), endsAtOnce("tick")];
    const stage = new Stage(await World.start({ blueprints, ...(folder !== undefined && { folder }) }), text);
    await stage.#begin();
    return stage;
  }

  #create() {
    const { engine, storage, system } = this.world;
    const { registers } = storage;
    return createSchedules({
      system,
      jobs: engine.jobs,
      reader: storage.jobs,
      registers: {
        schedules: () => registers.schedules(),
        saveSchedules: (changes) => (this.isHeldUp ? new Promise(() => undefined) : registers.saveSchedules(changes)),
      },
      catalog: {
        current: (name) => (this.withoutBlueprints.has(name) ? undefined : engine.catalog.current(name)),
        list: () => engine.catalog.list(),
      },
      source: this.#source(),
      serverZone: "Europe/Berlin",
    });
  }

  #source(): ScheduleSource {
    return {
      file: "schedules.toml",
      read: async () => (this.#read = this.text),
      isThere: () => this.#read !== undefined,
      watch: (look) => {
        let isOver = false;
        const arm = () => {
          if (!isOver) this.world.time.after(LOOK_MS, () => void look(this.text !== this.#read).finally(arm));
        };
        arm();
        return () => {
          isOver = true;
        };
      },
    };
  }

  async #begin(): Promise<void> {
    await this.world.done(this.schedules.start());
    await this.world.time.settle();
  }

  /** `kill -9`. What was held up never happens. */
  async crash(): Promise<void> {
    const dead = this.schedules;
    await this.world.crash();
    if (!this.isHeldUp) await this.world.done(dead.stop());
    else void dead.stop();
    this.isHeldUp = false;
  }

  async restart(): Promise<void> {
    await this.world.restart();
    this.schedules = this.#create();
    await this.#begin();
  }

  /** The server is away for so long. */
  async away(ms: number): Promise<void> {
    await this.crash();
    this.world.time.advance(ms);
    await this.restart();
  }

  async end(): Promise<void> {
    await this.world.done(this.schedules.stop());
    await this.world.stop();
  }

  /** Of this schedule, oldest first. */
  async jobs(name = "s"): Promise<readonly Job[]> {
    const jobs = await this.world.done(this.world.storage.jobs.list({ client: "internal-scheduler", limit: 100_000 }));
    return jobs.filter((job) => job.client.config["source"] === `scheduler:${name}`).toReversed();
  }

  /** The due times that have jobs, as times of the day in UTC. */
  async ran(name = "s"): Promise<readonly string[]> {
    return (await this.jobs(name)).map((job) => String(job.client.config["due_at"]).slice(11, 19));
  }

  async view(name = "s") {
    const { schedules } = await this.world.done(this.schedules.list());
    const found = schedules.find((schedule) => schedule.name === name);
    if (!found) throw new Error(`no schedule ${name}`);
    return { ...found, nextDue: found.nextDueMs === undefined ? undefined : isoTime(found.nextDueMs) };
  }
}
