/**
 * Histories, read page by page. A snapshot needs all that came before it: where a reader goes on
 * from is kept for a while, so that the pages of a long history cost what they hold and no more.
 */
import { type HistoryEvent, HistoryReplay } from "../src/job/history.ts";
import type { Job } from "../src/job/model.ts";
import type { JobReader } from "../src/storage/port.ts";

interface Place {
  readonly replay: HistoryReplay;
  /** Made already, and beyond the last page. */
  readonly ahead: readonly HistoryEvent[];
}

const UNIT_PAGE = 200;
const PLACES_MAX = 200;

export class Histories {
  /** By job and the sequence number of the last event that was given out; the oldest first. */
  readonly #places = new Map<string, Place>();

  constructor(readonly reader: Pick<JobReader, "events">) {}

  async read(job: Job, afterSequence: number, limit: number): Promise<readonly HistoryEvent[]> {
    const name = `${job.id}/${afterSequence}`;
    const { replay, ahead } = this.#places.get(name) ?? { replay: new HistoryReplay(job), ahead: [] };
    // Taken, not shared: a replay has one reader.
    this.#places.delete(name);
    const events = [...ahead];
    while (events.length < limit) {
      const units = await this.reader.events(job.id, replay.version, UNIT_PAGE);
      events.push(...replay.read(units, afterSequence));
      if (units.length < UNIT_PAGE) break;
    }
    const page = events.slice(0, limit);
    const last = page.at(-1)?.sequence ?? afterSequence;
    this.#keep(`${job.id}/${last}`, { replay, ahead: events.slice(limit) });
    return page;
  }

  #keep(name: string, place: Place): void {
    this.#places.set(name, place);
    const oldest = this.#places.keys().next().value;
    if (this.#places.size > PLACES_MAX && oldest !== undefined) this.#places.delete(oldest);
  }
}
