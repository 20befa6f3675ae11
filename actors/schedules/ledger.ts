/** Keeps the states of schedules: what changes at the same moment is written in one transaction. */
import type { Registers, ScheduleWrite } from "../../src/storage/port.ts";
import type { Scheduler } from "../../src/system/clock.ts";
import type { ScheduleState } from "./state.ts";

export const CLIENT_ID = "internal-scheduler";

export class Ledger {
  #waiting: ScheduleWrite[] = [];
  #writing: Promise<void> | undefined;

  constructor(
    readonly registers: Pick<Registers, "schedules" | "saveSchedules">,
    readonly scheduler: Scheduler,
  ) {}

  async read(): Promise<ReadonlyMap<string, ScheduleState>> {
    const records = await this.registers.schedules();
    return new Map([...records].map(([name, record]) => [name, JSON.parse(record) as ScheduleState]));
  }

  /** Resolves when it is durable. `settledKey`: of a creation that is settled by this state and need not be known any more. */
  save(name: string, state: ScheduleState, settledKey?: string): Promise<void> {
    const dropKey = settledKey === undefined ? undefined : { client: CLIENT_ID, key: settledKey };
    this.#waiting.push({ name, record: JSON.stringify(state), dropKey });
    this.#writing ??= new Promise((resolve, reject) => {
      this.scheduler.afterInput(() => {
        const writes = this.#waiting;
        this.#waiting = [];
        this.#writing = undefined;
        this.registers.saveSchedules(writes).then(resolve, reject);
      });
    });
    return this.#writing;
  }
}
