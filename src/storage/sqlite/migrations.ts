/**
 * The schema, as steps that are never changed once released: a new one is added at the end.
 * Ids are kept as text, so that the file can be read with any SQLite tool; rows refer to a job by
 * its number, which is shorter.
 */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/**
 * What the partial indexes go by. One number, because a list of statuses in an index's condition
 * cost each update 3 µs more.
 */
export const PHASE = { finished: 0, open: 1, endedOtherwise: 2 } as const;

const FIRST = `
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  status TEXT NOT NULL,
  state TEXT NOT NULL,
  client TEXT NOT NULL,
  blueprint TEXT NOT NULL,
  hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  wake_at INTEGER,
  parent TEXT,
  initial TEXT,
  history TEXT NOT NULL,
  core TEXT NOT NULL
);
CREATE UNIQUE INDEX jobs_by_id ON jobs (id);
CREATE INDEX jobs_open ON jobs (id) WHERE phase = 1;
CREATE INDEX jobs_by_wake ON jobs (wake_at, id) WHERE wake_at IS NOT NULL;
CREATE INDEX jobs_by_client ON jobs (client, id);
CREATE INDEX jobs_by_blueprint ON jobs (blueprint, id);
CREATE INDEX jobs_ended_otherwise ON jobs (status, id) WHERE phase = 2;

CREATE TABLE inputs (
  job INTEGER PRIMARY KEY,
  text TEXT NOT NULL
);
CREATE TABLE history (
  job INTEGER NOT NULL,
  version INTEGER NOT NULL,
  events TEXT NOT NULL,
  PRIMARY KEY (job, version)
) WITHOUT ROWID;
CREATE TABLE branches (
  job INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  wait TEXT NOT NULL,
  task TEXT,
  result TEXT,
  PRIMARY KEY (job, slot)
) WITHOUT ROWID;
CREATE TABLE idempotency (
  client TEXT NOT NULL,
  key TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  answer TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (client, key)
) WITHOUT ROWID;
CREATE TABLE counts (
  client TEXT NOT NULL,
  status TEXT NOT NULL,
  jobs INTEGER NOT NULL,
  PRIMARY KEY (client, status)
) WITHOUT ROWID;

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value ANY NOT NULL
) WITHOUT ROWID;
CREATE TABLE workers (
  id TEXT PRIMARY KEY,
  record TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE bundles (
  hash TEXT PRIMARY KEY,
  file TEXT NOT NULL,
  code TEXT NOT NULL,
  manifests TEXT NOT NULL,
  sdk_version TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE TABLE tokens (
  audience TEXT PRIMARY KEY,
  hash TEXT NOT NULL
) WITHOUT ROWID;
`;

/** A row names its job by id, since it outlives the job. Without `due_at`: given up. */
const OUTBOX = `
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  job TEXT NOT NULL,
  kind TEXT NOT NULL,
  destination TEXT NOT NULL,
  body TEXT NOT NULL,
  since INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  due_at INTEGER,
  failed_at INTEGER,
  error TEXT
);
CREATE UNIQUE INDEX outbox_by_id ON outbox (id);
CREATE INDEX outbox_by_job ON outbox (job, number);
CREATE INDEX outbox_due ON outbox (destination, due_at, number) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_failed ON outbox (failed_at, number) WHERE failed_at IS NOT NULL;
CREATE TABLE outbox_references (
  job TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (job, name)
) WITHOUT ROWID;
`;

const DATA_STORES = `
CREATE TABLE data_stores (
  number INTEGER PRIMARY KEY,
  blueprint TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  key_set INTEGER NOT NULL,
  seeded TEXT NOT NULL
);
CREATE UNIQUE INDEX data_stores_by_name ON data_stores (blueprint, name);
CREATE TABLE data_entries (
  store INTEGER NOT NULL,
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (store, key)
) WITHOUT ROWID;
`;

const OPEN_CHILDREN = `
CREATE INDEX jobs_open_children ON jobs (parent) WHERE parent IS NOT NULL AND phase = 1;
`;

const SCHEDULES = `
CREATE TABLE schedules (
  name TEXT PRIMARY KEY,
  record TEXT NOT NULL
) WITHOUT ROWID;
`;

/** Rows that only some jobs have. A tag's row names its job by id, which is the order of lists. */
const TAGS = `
CREATE TABLE tags (
  tag TEXT NOT NULL,
  job TEXT NOT NULL,
  PRIMARY KEY (tag, job)
) WITHOUT ROWID;
INSERT OR IGNORE INTO tags SELECT tag.value, jobs.id FROM jobs, json_each(jobs.core, '$.tags') AS tag;
`;

/** Of jobs that are not over. */
const UNIQUE_KEYS = `
CREATE TABLE unique_keys (
  client TEXT NOT NULL,
  blueprint TEXT NOT NULL,
  key TEXT NOT NULL,
  job TEXT NOT NULL,
  PRIMARY KEY (client, blueprint, key)
) WITHOUT ROWID;
`;

/** Jobs that are not over and stand at a gate, before it or behind; blueprints whose gate lets nobody in. */
const GATES = `
CREATE TABLE gates (
  job INTEGER PRIMARY KEY
);
CREATE TABLE pauses (
  blueprint TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) WITHOUT ROWID;
`;

/** Only children are in it: it costs other jobs nothing. */
const CHILDREN = `
CREATE INDEX jobs_children ON jobs (parent) WHERE parent IS NOT NULL;
`;

const TAGS_OF_A_JOB = `
CREATE INDEX tags_by_job ON tags (job);
`;

/**
 * What units told, no more in the middle of a tree: of a job's first one in its row, of later ones
 * by job and version in one number. `history` keeps what it has.
 */
const LATER_EVENTS = `
ALTER TABLE jobs ADD COLUMN first_events TEXT;
CREATE TABLE later_events (
  place INTEGER PRIMARY KEY,
  events TEXT NOT NULL
);
CREATE VIEW job_events (job, version, events) AS
  SELECT number, 1, first_events FROM jobs WHERE first_events IS NOT NULL
  UNION ALL SELECT job, version, events FROM history
  UNION ALL SELECT place >> 24, place & 16777215, events FROM later_events;
`;

/** Nothing changes but what new rows say: a program from before would not understand them. */
const SHORT_TEXTS = "SELECT 1";

export const MIGRATIONS: readonly Migration[] = [
  { name: "jobs, history and registers", sql: FIRST },
  { name: "the outbox", sql: OUTBOX },
  { name: "data stores", sql: DATA_STORES },
  { name: "open children of a job", sql: OPEN_CHILDREN },
  { name: "schedules", sql: SCHEDULES },
  { name: "children of a job", sql: CHILDREN },
  { name: "tags", sql: TAGS },
  { name: "unique keys of open jobs", sql: UNIQUE_KEYS },
  { name: "jobs at a gate, and paused blueprints", sql: GATES },
  { name: "tags of a job", sql: TAGS_OF_A_JOB },
  { name: "what units told, apart from the first", sql: LATER_EVENTS },
  { name: "events and tasks without what goes without saying", sql: SHORT_TEXTS },
];
