/**
 * A group on its way to the thread that writes: all texts as one, all numbers as one list. Two
 * things cross cheaply, where the thousands of small ones that a group is made of do not.
 */
import type { SQLQueryBindings } from "bun:sqlite";
import type { JobStatus } from "../../job/model.ts";
import type { EncodedBranch, EncodedUnit, EncodedWrite } from "./encoded.ts";
import type { StoredText } from "./text.ts";

export interface GroupFrame {
  readonly text: string;
  readonly codes: Float64Array;
  /** Units that hold more than jobs, or bytes: they cross as they are, and are few. */
  readonly others: readonly EncodedUnit[];
}

/** In the place of a text's length. */
const NULL = -1;
const NONE = -2;
/** The number follows. */
const NUMBER = -3;
/** In the place of the number of a unit's jobs. */
const OTHER = -1;

type Value = SQLQueryBindings | undefined;

const NOTHING: readonly never[] = [];

export function packGroup(units: readonly EncodedUnit[]): GroupFrame {
  const packer = new Packer();
  const others: EncodedUnit[] = [];
  for (const unit of units) {
    const start = packer.mark();
    if (isPlain(unit) && packer.unit(unit)) continue;
    packer.back(start);
    packer.number(OTHER);
    others.push(unit);
  }
  return { text: packer.text, codes: new Float64Array(packer.codes), others };
}

function isPlain(unit: EncodedUnit): boolean {
  const { idempotency, outbox, dataStores, remove, jobs } = unit;
  if (idempotency || remove || outbox.length > 0 || dataStores.length > 0) return false;
  return jobs.every((job) => job.marks === undefined);
}

class Packer {
  text = "";
  readonly codes: number[] = [];

  mark(): { readonly text: string; readonly codes: number } {
    return { text: this.text, codes: this.codes.length };
  }

  back({ text, codes }: ReturnType<Packer["mark"]>): void {
    this.text = text;
    this.codes.length = codes;
  }

  number(value: number): void {
    this.codes.push(value);
  }

  /** False: it holds what has no place here. */
  unit({ jobs }: EncodedUnit): boolean {
    this.number(jobs.length);
    return jobs.every((job) => this.#job(job));
  }

  #job(job: EncodedWrite): boolean {
    const { branches, outbox } = job;
    this.codes.push(job.expectedVersion, job.version, job.dropBranches ? 1 : 0, branches.length, outbox.length);
    return (
      this.#values([job.id, job.client, job.status, job.input, job.events]) &&
      this.#list(job.values) &&
      branches.every(({ slot, wait, task, result }) => this.#values([slot, wait, task, result])) &&
      outbox.every((row) => this.#list(row))
    );
  }

  #list(values: readonly Value[]): boolean {
    this.codes.push(values.length);
    return this.#values(values);
  }

  #values(values: readonly Value[]): boolean {
    for (const value of values) if (!this.#value(value)) return false;
    return true;
  }

  #value(value: Value): boolean {
    if (typeof value === "string") {
      this.text += value;
      this.codes.push(value.length);
    } else if (typeof value === "number") this.codes.push(NUMBER, value);
    else if (value === null) this.codes.push(NULL);
    else if (value === undefined) this.codes.push(NONE);
    else return false;
    return true;
  }
}

export function unpackGroup({ text, codes, others }: GroupFrame): EncodedUnit[] {
  const reader = new Reader(text, codes);
  const units: EncodedUnit[] = [];
  let other = 0;
  while (reader.hasMore) {
    const jobs = reader.number();
    units.push(jobs === OTHER ? (others[other++] as EncodedUnit) : reader.unit(jobs));
  }
  return units;
}

/** A part of a text holds on to all of it: what is remembered for as long as its job is open would keep its whole group. */
function apart<Text extends string>(text: Text): Text {
  return `${text.slice(0, 1)}${text.slice(1)}` as Text;
}

class Reader {
  readonly #text: string;
  readonly #codes: Float64Array;
  #at = 0;
  #textAt = 0;

  constructor(text: string, codes: Float64Array) {
    this.#text = text;
    this.#codes = codes;
  }

  get hasMore(): boolean {
    return this.#at < this.#codes.length;
  }

  number(): number {
    return this.#codes[this.#at++] as number;
  }

  unit(jobs: number): EncodedUnit {
    return {
      jobs: this.#times(jobs, () => this.#job()),
      idempotency: undefined,
      outbox: NOTHING,
      dataStores: NOTHING,
      remove: undefined,
    };
  }

  #job(): EncodedWrite {
    const expectedVersion = this.number();
    const version = this.number();
    const dropBranches = this.number() === 1;
    const branches = this.number();
    const outbox = this.number();
    return {
      expectedVersion,
      version,
      dropBranches,
      id: apart(this.#value() as string),
      client: this.#value() as string,
      status: apart(this.#value() as JobStatus),
      input: this.#value() as StoredText | undefined,
      events: this.#value() as string | undefined,
      values: this.#list(),
      branches: this.#times(branches, () => this.#branch()),
      outbox: this.#times(outbox, () => this.#list()),
      marks: undefined,
    };
  }

  #branch(): EncodedBranch {
    return {
      slot: this.#value() as number,
      wait: this.#value() as string | undefined,
      task: this.#value() as StoredText | null,
      result: this.#value() as StoredText | null,
    };
  }

  #list(): SQLQueryBindings[] {
    return this.#times(this.number(), () => this.#value() as SQLQueryBindings);
  }

  #times<Item>(count: number, read: () => Item): Item[] {
    const items: Item[] = [];
    for (let index = 0; index < count; index++) items.push(read());
    return items;
  }

  #value(): Value {
    const code = this.number();
    if (code === NUMBER) return this.number();
    if (code === NULL) return null;
    if (code === NONE) return undefined;
    this.#textAt += code;
    return this.#text.slice(this.#textAt - code, this.#textAt);
  }
}
