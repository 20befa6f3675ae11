/** Workers that tell of what they do: what the server has taken stands in the job's history, and nothing stands there twice. */
import type { TaskPayload } from "../../src/protocol/worker.ts";
import type { JobEvent } from "../../src/job/model.ts";
import { Chance } from "./chance.ts";
import { promise } from "./promise.ts";
import type { Worker } from "./worker.ts";
import type { World } from "./world.ts";

interface Told {
  readonly number: number;
  readonly task: TaskPayload;
  isTaken: boolean;
  isOver: boolean;
}

const AGAIN_MS = 1_000;

export class Tellers {
  /** Of its own: what else happens in a world does not hang on it. */
  readonly #chance: Chance;
  readonly #told: Told[] = [];

  constructor(readonly world: World) {
    this.#chance = new Chance(world.seed ^ 0x1b873593);
  }

  /** A worker has got a task, and may tell of it once or more while it runs. */
  begin(worker: Worker, task: TaskPayload): void {
    const chance = this.#chance;
    if (!chance.is(0.3)) return;
    for (let count = chance.between(1, 4); count > 0; count--) {
      const told = { number: this.#told.length + 1, task, isTaken: false, isOver: false };
      this.#told.push(told);
      worker.process.after(chance.delayMs(1_500), () => this.#tell(worker, told));
    }
  }

  /** Until there is an answer that arrives: an event is sent again as the same. */
  #tell(worker: Worker, told: Told): void {
    if (told.isOver) return;
    const { world } = this;
    const chance = this.#chance;
    const { job_id: jobId, task_id: taskId } = told.task;
    const payload = JSON.stringify({ number: told.number });
    const event = { jobId, taskId, name: "clip", payload, id: `clip-${told.number}` };
    worker.process.after(AGAIN_MS, () => this.#tell(worker, told));
    for (let times = world.weather.doubles && chance.is(0.2) ? 2 : 1; times > 0; times--) {
      if (world.weather.loss && world.isBad && chance.is(0.1)) continue;
      world.arriving(world.weather.lateness && world.isBad ? chance.delayMs(3_000) : 1, () => {
        const { engine, process } = world.server;
        engine?.workers.event(worker.id, event).then(
          ({ status }) => {
            if (!process?.alive) return;
            told.isTaken ||= status === "event_accepted";
            if (!world.weather.loss || !world.isBad || chance.is(0.9)) told.isOver = true;
          },
          () => undefined,
        );
      });
    }
  }

  judge(): void {
    const found = new Map<unknown, number>();
    for (const units of this.world.server.disk.history.values()) {
      for (const { type, extra } of units.flatMap(({ text }) => JSON.parse(text) as JobEvent[])) {
        if (type !== "worker_event:clip" || !extra) continue;
        const { number } = extra["worker_event"] as { number: number };
        found.set(number, (found.get(number) ?? 0) + 1);
      }
    }
    for (const { number, task, isTaken } of this.#told) {
      const times = found.get(number) ?? 0;
      promise(times <= 1, `job ${task.job_id}: its history holds event ${number} ${times} times`);
      promise(!isTaken || times === 1, `job ${task.job_id}: its history lacks event ${number}, which was taken`);
    }
  }
}
