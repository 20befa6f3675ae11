/** What all that is sent has in common: who sends, which event, how often it was tried, and a signature. */
import type { OutboxRow } from "../storage/port.ts";
import type { Clock, Timers } from "../system/clock.ts";
import { messageOf, Refusal } from "../system/errors.ts";
import type { Delivery } from "./port.ts";
import { type Answer, post } from "./post.ts";
import { SIGNATURE_HEADER, signatureOf } from "./signature.ts";
import type { Targets } from "./targets.ts";

export interface OutgoingParts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Of the program. */
  readonly version: string;
  /** Left out: what is sent is not signed. */
  readonly secret?: string | undefined;
}

export interface Outgoing {
  readonly row: OutboxRow;
  readonly url: URL;
  /** JSON text of an object: the id of the event is put before all else. */
  readonly payload: string;
  readonly signal: AbortSignal;
  /** Left out: the operator has named the address, and it may be any. */
  readonly targets?: Targets | undefined;
}

/** An event to a program that belongs to somebody else. */
export async function sendEvent(parts: OutgoingParts, outgoing: Outgoing): Promise<Delivery> {
  const { row, url, payload, signal, targets } = outgoing;
  const body = `{"event_id":${JSON.stringify(row.id)},${payload.slice(1)}`;
  try {
    targets?.check(url);
    const answer = await post({
      url,
      body,
      signal,
      timers: parts.timers,
      lookup: targets?.lookup,
      headers: {
        "user-agent": `avtomatika/${parts.version}`,
        "x-avtomatika-event-id": row.id,
        "x-avtomatika-attempt": String(row.attempts + 1),
        ...(parts.secret !== undefined && {
          [SIGNATURE_HEADER]: signatureOf(parts.secret, body, parts.clock.nowMs()),
        }),
      },
    });
    return deliveryOf(answer, url);
  } catch (error) {
    // An address that must not be called stays one.
    if (error instanceof Refusal) return { type: "failed", error: error.message, isFinal: true };
    return { type: "failed", error: `${url.host} ${messageOf(error)}`, isDown: true };
  }
}

const TEXT_SHOWN = 200;

export function deliveryOf({ status, text, location, retryAfterMs }: Answer, url: URL): Delivery {
  if (status >= 200 && status < 300) return { type: "delivered" };
  if (status >= 300 && status < 400) {
    const where = location === undefined ? "somewhere else" : `on to ${location}`;
    const error = `${url.host} answered ${status} and sent us ${where}, and redirects are not followed: name the address that it leads to`;
    return { type: "failed", error };
  }
  const said = text.trim().slice(0, TEXT_SHOWN);
  const error = `${url.host} answered ${status}${said === "" ? "" : `: ${said}`}`;
  return { type: "failed", error, isDown: status >= 500 || status === 429, retryAfterMs };
}
