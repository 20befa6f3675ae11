/**
 * Where it lies what the units of a job told. To write into the middle of a tree is dear: what the
 * first one told lies in the job's row, what later ones told under one number that is made of the
 * job's and the version. `history` holds what files from before had, and what has no such number.
 */
import type { Database } from "bun:sqlite";

/** More would be copied each time the row is written. */
const IN_ROW_MAX = 1024;
const VERSION_BITS = 24;
const VERSION_MAX = 2 ** VERSION_BITS - 1;
const JOB_MAX = 2 ** 38;

/** Of later events, by a job's number and a version. */
const placeOf = (job: string, version: string | number) => `((${job} << ${VERSION_BITS}) | ${version})`;

const JOB = "(SELECT number FROM jobs WHERE id = ?1)";

/** Of the job with the id ?1, after the version ?2, so many as ?3 says. */
export const EVENTS_OF_JOB = `SELECT version, events FROM (
    SELECT 1 AS version, first_events AS events FROM jobs WHERE id = ?1 AND first_events IS NOT NULL AND ?2 < 1
    UNION ALL SELECT * FROM (
      SELECT version, events FROM history WHERE job = ${JOB} AND version > ?2 ORDER BY version LIMIT ?3)
    UNION ALL SELECT * FROM (
      SELECT place & ${VERSION_MAX}, events FROM later_events
      WHERE place > ${placeOf(JOB, `max(0, min(?2, ${VERSION_MAX}))`)} AND place <= ${placeOf(JOB, VERSION_MAX)}
      ORDER BY place LIMIT ?3)
  ) ORDER BY version LIMIT ?3`;

export const REMOVE_LATER_EVENTS = `DELETE FROM later_events
  WHERE place >= ${placeOf("?1", 0)} AND place <= ${placeOf("?1", VERSION_MAX)}`;

/** Null: they lie elsewhere. */
export function eventsInRow(version: number, events: string | undefined): string | null {
  return version === 1 && events !== undefined && events.length <= IN_ROW_MAX ? events : null;
}

export class JobEventsWriter {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database) {
    this.#statements = prepare(database);
  }

  write(job: number, version: number, events: string): void {
    if (eventsInRow(version, events) !== null) return;
    const { later, history } = this.#statements;
    (job <= JOB_MAX && version <= VERSION_MAX ? later : history).run(job, version, events);
  }

  finalize(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }
}

function prepare(database: Database) {
  return {
    later: database.prepare(`INSERT INTO later_events (place, events) VALUES (${placeOf("?1", "?2")}, ?3)`),
    history: database.prepare("INSERT INTO history (job, version, events) VALUES (?, ?, ?)"),
  };
}
