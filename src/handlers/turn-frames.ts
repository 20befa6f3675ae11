/** A turn on its way to a handler thread. */
import type { JobError } from "../job/model.ts";
import type { Packer, Unpacker } from "./packing.ts";
import type { Turn } from "./port.ts";

/** What a turn mostly has in common with the one before it: said once, until it changes. */
type Setting = Pick<Turn, "hash" | "blueprint" | "maxSteps" | "timeoutMs" | "client" | "defaults">;

const SAME = 0;
const CHANGED = 1;
/** The first turn of a job: nothing came before it. */
const FIRST = 0;
const LATER = 1;
const EMPTY = "{}";

export class TurnWriter {
  #said: Setting | undefined;

  write(packer: Packer, turn: Turn): void {
    this.#writeSetting(packer, turn);
    packer.text(turn.state);
    packer.text(turn.jobId);
    packer.number(turn.attempt);
    packer.number(turn.steps);
    packer.text(turn.initialData);
    const { stateHistory, merge, aggregation, error } = turn;
    if (stateHistory === EMPTY && merge === undefined && aggregation === undefined && !error)
      return packer.number(FIRST);
    packer.number(LATER);
    packer.text(stateHistory);
    packer.optional(merge);
    packer.optional(aggregation);
    packer.optional(error && JSON.stringify(error));
  }

  #writeSetting(packer: Packer, turn: Turn): void {
    if (this.#said && isSame(this.#said, turn)) return packer.number(SAME);
    const { hash, blueprint, maxSteps, timeoutMs, client, defaults } = turn;
    packer.number(CHANGED);
    packer.text(JSON.stringify(client));
    packer.text(JSON.stringify({ hash, blueprint, maxSteps, timeoutMs, defaults }));
    this.#said = { hash, blueprint, maxSteps, timeoutMs, client, defaults };
  }
}

/** Two clients are the same if they are one object: comparing what is in them would cost more than saying it again. */
function isSame(said: Setting, turn: Turn): boolean {
  return (
    said.hash === turn.hash &&
    said.blueprint === turn.blueprint &&
    said.client === turn.client &&
    said.maxSteps === turn.maxSteps &&
    said.timeoutMs === turn.timeoutMs &&
    said.defaults.maxAttempts === turn.defaults.maxAttempts &&
    said.defaults.priority === turn.defaults.priority &&
    said.defaults.dispatchTimeoutMs === turn.defaults.dispatchTimeoutMs
  );
}

interface Said extends Omit<Setting, "client"> {
  readonly client: string;
}

export class TurnReader {
  #said: Said | undefined;
  #state = "";

  read(unpacker: Unpacker): Turn {
    if (unpacker.number() === CHANGED) {
      const client = unpacker.text();
      this.#said = { ...(JSON.parse(unpacker.text()) as Omit<Setting, "client">), client };
    }
    if (!this.#said) throw new Error("a turn came before what it has in common with others");
    this.#state = unpacker.likely(this.#state);
    return new ReadTurn(this.#said, this.#state, unpacker);
  }
}

/** As it was read. The client is its own, as handlers may write to it, and made for those that look at it. */
class ReadTurn implements Turn {
  readonly hash: string;
  readonly blueprint: string;
  readonly maxSteps: number;
  readonly timeoutMs: number;
  readonly defaults: Turn["defaults"];
  readonly jobId: string;
  readonly state: string;
  readonly attempt: number;
  readonly steps: number;
  readonly initialData: string;
  readonly stateHistory: string;
  readonly merge: string | undefined;
  readonly aggregation: string | undefined;
  readonly error: JobError | undefined;
  #client: string | Turn["client"];

  constructor(said: Said, state: string, unpacker: Unpacker) {
    this.hash = said.hash;
    this.blueprint = said.blueprint;
    this.maxSteps = said.maxSteps;
    this.timeoutMs = said.timeoutMs;
    this.defaults = said.defaults;
    this.#client = said.client;
    this.state = state;
    this.jobId = unpacker.text();
    this.attempt = unpacker.number();
    this.steps = unpacker.number();
    this.initialData = unpacker.text();
    const isLater = unpacker.number() === LATER;
    this.stateHistory = isLater ? unpacker.text() : EMPTY;
    this.merge = isLater ? unpacker.optional() : undefined;
    this.aggregation = isLater ? unpacker.optional() : undefined;
    const error = isLater ? unpacker.optional() : undefined;
    this.error = error === undefined ? undefined : (JSON.parse(error) as JobError);
  }

  get client(): Turn["client"] {
    if (typeof this.#client === "string") this.#client = JSON.parse(this.#client) as Turn["client"];
    return this.#client;
  }
}
