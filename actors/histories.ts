/**
 * Histories, read page by page. A snapshot needs all that came before it: where a reader goes on
 * from is kept for a while, so that the pages of a long history cost what they hold and no more.
 */
import { type HistoryEvent, HistoryReplay } from "../src/job/history.ts";
import type { Job } from "../src/job/model.ts";
import type { JobReader } from "../src/storage/port.ts";
import { Lookup } from "../src/system/lookup.ts";

interface Place {
  readonly name: string;
  readonly replay: HistoryReplay;
  /** Made already, and beyond the last page. */
  readonly ahead: readonly HistoryEvent[];
  /** What a replay holds on to, as far as it may be large. */
  readonly length: number;
}

const UNIT_PAGE = 200;
const PLACES_MAX = 200;
/** Characters of inputs, all places together. */
const LENGTH_MAX = 16 * 1024 * 1024;

export class Histories {
  /** By job and the sequence number of the last event that was given out; the oldest first. */
  readonly #places = new Lookup<string, Place>();
  #length = 0;

  constructor(readonly reader: Pick<JobReader, "events">) {}

  async read(job: Job, afterSequence: number, limit: number): Promise<readonly HistoryEvent[]> {
    // Taken, not shared: a replay has one reader.
    const { replay, ahead } = this.#take(`${job.id}/${afterSequence}`) ?? { replay: new HistoryReplay(job), ahead: [] };
    const events = [...ahead];
    while (events.length < limit) {
      const units = await this.reader.events(job.id, replay.version, UNIT_PAGE);
      events.push(...replay.read(units, afterSequence));
      if (units.length < UNIT_PAGE) break;
    }
    const page = events.slice(0, limit);
    const last = page.at(-1)?.sequence ?? afterSequence;
    this.#keep({ name: `${job.id}/${last}`, replay, ahead: events.slice(limit), length: job.initialData.length });
    return page;
  }

  #take(name: string): Place | undefined {
    const place = this.#places.get(name);
    if (place === undefined) return undefined;
    this.#places.delete(name);
    this.#length -= place.length;
    return place;
  }

  #keep(place: Place): void {
    this.#take(place.name);
    this.#places.set(place.name, place);
    this.#length += place.length;
    while (this.#places.size > PLACES_MAX || this.#length > LENGTH_MAX) {
      const oldest = this.#places.values().next().value;
      if (oldest === undefined) return;
      this.#take(oldest.name);
    }
  }
}
