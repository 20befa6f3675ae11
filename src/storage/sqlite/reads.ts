/** What all readers of the database share: nothing is read from a store that has failed. */
import type { Scheduler } from "../../system/clock.ts";
import { storeClosed } from "../refusals.ts";
import { meaningOf, type Fault } from "./errors.ts";

export interface Reads {
  /** Runs one synchronous read; an error of the disk ends the store. */
  now<T>(read: () => T): T;
  /** Lets others run between two parts of a long read. */
  pause(): Promise<void>;
  /** Later reads, and later parts of reads under way, are refused. */
  close(): void;
}

export function createReads(fault: Fault, scheduler: Scheduler): Reads {
  let closed = false;
  return {
    now(read) {
      if (closed) throw storeClosed();
      if (fault.refusal) throw fault.refusal;
      try {
        return read();
      } catch (error) {
        throw meaningOf(error) === "fatal" ? fault.raise(error) : error;
      }
    },
    pause: () => new Promise((resolve) => scheduler.afterInput(resolve)),
    close() {
      closed = true;
    },
  };
}
