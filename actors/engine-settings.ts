/** What the engine goes by, in its own units; the settings of the program are turned into these. */
import { BODY_BYTES_MAX } from "./dispatcher/decide.ts";
import { OUTBOX_RULES, type OutboxRules } from "./outbox/decide.ts";
import { REPUTATION_RULES, type ReputationRules } from "./worker-registry/reputation.ts";

export interface EngineSettings {
  readonly taskAttempts: number;
  readonly handlerRuns: number;
  readonly handlerTimeoutMs: number;
  readonly handlerBackoffMs: number;
  readonly maxSteps: number;
  readonly cancelGraceMs: number;
  /** How long a creation waits for its first handler before it is committed without it. */
  readonly creationPatienceMs: number;
  /** So long the creations of a batch wait for their first handlers, which many wait for at once. */
  readonly jointCreationPatienceMs: number;
  readonly workerTimeoutMs: number;
  readonly workerRecordMs: number;
  readonly workerReconnectMs: number;
  readonly creationsAtOnce: number;
  readonly jobsInMemory: number;
  /** Of queued tasks: what is over it is fetched from the store when its turn comes. */
  readonly taskBytesInMemory: number;
  /** How long jobs are kept after their end; undefined: for ever. */
  readonly keptMs: number | undefined;
  readonly jobIdleMs: number;
  /** With more than these undelivered, jobs that would add to them are refused. */
  readonly outboxRows: number;
  readonly outbox: OutboxRules;
  /** What is being sent at a stop may take so long to end. */
  readonly outboxStopMs: number;
  /** At the end of a job its files go. */
  readonly cleansFiles: boolean;
  readonly reputation: ReputationRules;
  /** Workers' events that do not fit their own schemas are refused. */
  readonly isStrictOnEvents: boolean;
}

export const ENGINE_DEFAULTS: EngineSettings = {
  taskAttempts: 4,
  handlerRuns: 4,
  handlerTimeoutMs: 30_000,
  handlerBackoffMs: 250,
  maxSteps: 100,
  cancelGraceMs: 10_000,
  creationPatienceMs: 10,
  jointCreationPatienceMs: 100,
  workerTimeoutMs: 300_000,
  workerRecordMs: 120_000,
  workerReconnectMs: 5_000,
  creationsAtOnce: 10_000,
  jobsInMemory: 20_000,
  taskBytesInMemory: BODY_BYTES_MAX,
  keptMs: undefined,
  jobIdleMs: 10_000,
  outboxRows: 100_000,
  outbox: OUTBOX_RULES,
  outboxStopMs: 3_000,
  cleansFiles: false,
  reputation: REPUTATION_RULES,
  isStrictOnEvents: true,
};
