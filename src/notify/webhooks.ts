/** Tells the address that a client gave with its job what came of the job. */
import { readWebhook } from "../job/webhook.ts";
import type { Log } from "../system/log.ts";
import { type OutgoingParts, sendEvent } from "./outgoing.ts";
import type { Sender } from "./port.ts";
import type { Targets } from "./targets.ts";

export function createWebhookSender(parts: OutgoingParts & { readonly targets: Targets; readonly log: Log }): Sender {
  let isToldUnsigned = parts.secret !== undefined;
  return {
    send(row, signal) {
      if (!isToldUnsigned) {
        isToldUnsigned = true;
        parts.log.warn(
          "Webhooks are sent unsigned: set WEBHOOK_SECRET, so that receivers can tell that they come from here.",
        );
      }
      const { url, payload } = readWebhook(row.body);
      return sendEvent(parts, { row, url: new URL(url), payload, signal, targets: parts.targets });
    },
  };
}
