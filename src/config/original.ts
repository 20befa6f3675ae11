/**
 * Variables that servers of the original read, and that mean something else here, or nothing. Whoever brings them along
 * hears so: what would leave a server open, or at another place than was wanted, stops the start; the others are told.
 */
import { Refusal } from "../system/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface Name {
  readonly variable: string;
  /** With these values nothing is to be said, since it is what happens here. */
  readonly fine?: readonly string[];
  readonly sentence: string;
}

const NO = ["false", "0", "no", "off"];
const YES = ["true", "1", "yes", "on"];

const REFUSED: readonly Name[] = [
  {
    variable: "TLS_ENABLED",
    fine: NO,
    sentence: "this server speaks no TLS itself. Put a proxy that does in front of it, and unset TLS_ENABLED",
  },
  {
    variable: "TLS_REQUIRE_CLIENT_CERT",
    fine: NO,
    sentence: "workers come in by tokens here. Let the proxy in front ask for certificates, and unset it",
  },
  {
    variable: "WORKER_AUTH_MODE",
    fine: ["mixed", "token-only"],
    sentence: 'workers come in by tokens here: "mixed" and "token-only" are what can be had',
  },
  {
    variable: "ENABLE_CLIENT_API",
    fine: YES,
    sentence: "the routes of clients are always there, for who has a client's token. Give nobody one, and unset it",
  },
  {
    variable: "CLIENT_API_PREFIX",
    fine: ["api", "/api"],
    sentence: 'the routes of clients are under "/api". Have a proxy in front rename them, and unset it',
  },
];

const WITHOUT_EFFECT: readonly Name[] = [
  { variable: "REDIS_HOST", sentence: "jobs are kept in the data folder, and Redis is not used" },
  { variable: "REDIS_ENCRYPTION_KEY", sentence: "Redis is not used" },
  { variable: "POSTGRES_DSN", sentence: "jobs are kept in the data folder, and PostgreSQL is not used" },
  {
    variable: "HISTORY_DATABASE_URI",
    sentence: "the history of jobs is always kept, in the data folder, and no copy of it is written elsewhere",
  },
  { variable: "RATE_LIMIT_POLL_LIMIT", sentence: "polls and results of workers are never held up" },
  {
    variable: "EXECUTOR_MAX_CONCURRENT_JOBS",
    sentence: "handlers run as fast as they can; `concurrency` of a blueprint limits its jobs",
  },
  {
    variable: "DETAILED_API_RESPONSES",
    fine: YES,
    sentence: "jobs are read in full; a client that wants less names what it wants in `?fields=`",
  },
  { variable: "WORK_STEALING_ENABLED", fine: YES, sentence: "tasks wait in one queue, and whoever is free takes them" },
  { variable: "DISPATCHER_SOFT_LIMIT", sentence: "tasks wait in one queue, and whoever is free takes them" },
  { variable: "DISPATCHER_MAX_CANDIDATES", sentence: "all workers that are free are looked at" },
];

/** Sentences about what is set and has no effect. Throws where starting all the same would be worse than not starting. */
export function originalsIn(environment: Environment): readonly string[] {
  const [refused] = REFUSED.filter((name) => isSet(name, environment));
  if (refused) {
    const { variable, sentence } = refused;
    throw new Refusal("WRONG_SETTING", 400, `${variable} is set to "${environment[variable]}", but ${sentence}.`);
  }
  const told = WITHOUT_EFFECT.filter((name) => isSet(name, environment));
  return told.map(({ variable, sentence }) => `${variable} has no effect: ${sentence}.`);
}

function isSet({ variable, fine = [] }: Name, environment: Environment): boolean {
  const value = environment[variable]?.trim().toLowerCase() ?? "";
  return value !== "" && !fine.includes(value);
}
