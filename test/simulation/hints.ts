/** Workers that tell what they have reached while a task runs: once, again, too late, or for a task of another. */
import type { WorkerEvent } from "../../src/protocol/worker-event.ts";
import { Chance } from "./chance.ts";
import { HINTED_FLOWS, READY } from "./hinted-flows.ts";
import { ask } from "./network.ts";
import { promise } from "./promise.ts";
import type { Running, Worker } from "./worker.ts";
import type { World } from "./world.ts";

const TRIES = 4;

export class Hints {
  readonly #chance: Chance;
  readonly #areThere: boolean;
  #events = 0;

  constructor(readonly world: World) {
    // Chance of their own: worlds without them stay what they were.
    this.#chance = new Chance(world.seed ^ 0x1e57eef1);
    this.#areThere = this.#chance.is(0.4);
  }

  plan(): void {
    if (!this.#areThere) return;
    const { time, clients } = this.world;
    for (let count = this.#chance.between(1, 5); count > 0; count--) {
      const flow = this.#chance.pick(HINTED_FLOWS)?.blueprint.name;
      time.at(this.#chance.between(0, 15_000), () => clients.create(flow));
    }
  }

  /** A worker has a task that will take it so long. */
  taken(worker: Worker, { task }: Running, takesMs: number): void {
    if (!this.#areThere || task.params["isHinted"] !== true) return;
    for (let count = this.#chance.between(0, 3); count > 0; count--) {
      const token = `hint-${++this.#events}`;
      const event: WorkerEvent = {
        jobId: task.job_id,
        taskId: task.task_id,
        name: this.#chance.one(READY, "note"),
        payload: JSON.stringify({ token }),
        id: token,
      };
      this.world.ledger.hinted(token, task.task_id);
      // Now and then it says so when it has sent its result already.
      const afterMs = this.#chance.between(0, takesMs + (this.#chance.is(0.2) ? 3_000 : 0));
      worker.process.after(afterMs, () => this.#tell(worker, event, token));
      if (this.#chance.is(0.3))
        worker.process.after(afterMs + this.#chance.delayMs(9_000), () => this.#tell(worker, event, token));
      if (this.#chance.is(0.1)) worker.process.after(afterMs, () => this.#tellForAnother(worker, event));
    }
  }

  #tell(worker: Worker, event: WorkerEvent, token: string, tries = TRIES): void {
    ask(this.world, {
      name: `${worker.id} tells ${event.name} ${token} of ${event.taskId?.slice(-8)}`,
      caller: worker.process,
      timeoutMs: 5_000,
      send: (engine) => engine.workers.event(worker.id, event),
      said: ({ status }) => {
        if (status === "event_accepted") this.world.ledger.hintTaken(event.jobId, token);
      },
      done: (outcome) => {
        if (outcome.type === "answer" || tries <= 1) return;
        worker.process.after(this.#chance.between(100, 1_000), () => this.#tell(worker, event, token, tries - 1));
      },
    });
  }

  #tellForAnother(worker: Worker, { id, ...event }: WorkerEvent): void {
    ask(this.world, {
      name: `somebody else tells ${event.name} of ${event.taskId?.slice(-8)}`,
      caller: worker.process,
      send: (engine) => engine.workers.event("somebody-else", { ...event, id: `foreign-${id}` }),
      said: ({ status }) =>
        promise(status === "error", `an event of a task of ${worker.id} was taken from somebody else`),
      done: () => undefined,
    });
  }
}
