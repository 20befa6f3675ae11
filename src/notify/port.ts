/** What the outbox asks of the outside: one row, once. */
import type { ApprovalAsked, ApprovalClosed } from "../job/approval.ts";
import type { OutboxChange, OutboxRow } from "../storage/port.ts";

export interface Sender {
  /** Rejects never for what the other side does, and comes to an end soon after the signal. */
  send(row: OutboxRow, signal: AbortSignal): Promise<Delivery>;
}

export type Delivery =
  /** It was taken, or there is no need for it any more. The changes become durable with the row's removal. */
  | { readonly type: "delivered"; readonly changes?: readonly OutboxChange[] }
  /** Its time has not come: nobody is at fault, and nothing is told. */
  | { readonly type: "later"; readonly afterMs: number }
  | {
      readonly type: "failed";
      /** For people: what the other side did, as a clause that goes on from its name. */
      readonly error: string;
      /** It says nothing about the row: whoever is there answers nobody now. */
      readonly isDown?: boolean;
      /** Trying again would change nothing. */
      readonly isFinal?: boolean;
      /** The other side said when to come back. */
      readonly retryAfterMs?: number | undefined;
    };

/** A way to ask people, and to tell them that there is nothing to answer any more. */
export interface Integration {
  ask(row: OutboxRow, asked: ApprovalAsked, signal: AbortSignal): Promise<Delivery>;
  close(row: OutboxRow, closed: ApprovalClosed, signal: AbortSignal): Promise<Delivery>;
}

/** What a job asks of a person now, and how it is answered. */
export interface Questions {
  /** Undefined: there is no such job, or it waits for nobody. */
  open(jobId: string): Promise<Question | undefined>;
  /** Rejects with a Refusal: 404, 409 when it is over, 400 when the decision is not offered. */
  decide(jobId: string, answer: Answer): Promise<void>;
}

export interface Question {
  readonly visit: number;
  readonly decisions: readonly string[];
}

export interface Answer {
  readonly decision: string;
  readonly comment?: string;
  readonly by: string;
  readonly through: string;
  readonly visit: number;
}
