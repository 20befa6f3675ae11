/** Hands each row of the outbox to whoever can send it. */
import type { ApprovalAsked, ApprovalClosed } from "../job/approval.ts";
import type { OutboxChange, OutboxReader, OutboxRow } from "../storage/port.ts";
import { assertNever } from "../system/errors.ts";
import type { Delivery, Integration, Sender } from "./port.ts";

export interface SenderParts {
  readonly webhooks: Sender;
  readonly filesCleanup: Sender;
  /** By the name that blueprints use. */
  readonly integrations: ReadonlyMap<string, Integration>;
  readonly outbox: Pick<OutboxReader, "ofJob">;
}

export function createSender({ webhooks, filesCleanup, integrations, outbox }: SenderParts): Sender {
  async function ask(row: OutboxRow, signal: AbortSignal): Promise<Delivery> {
    const asked = JSON.parse(row.body) as ApprovalAsked;
    const integration = integrations.get(asked.integration);
    if (!integration) return { type: "delivered" };
    const closed = (await outbox.ofJob(row.jobId)).find((other) => isOf(other, "approval_closed", asked.visit));
    if (!closed) return integration.ask(row, asked, signal);
    // It is over before anybody was asked. What was tried before may have arrived all the same, and is closed then.
    return { type: "delivered", changes: row.attempts === 0 ? [{ type: "remove", id: closed.id }] : [] };
  }

  async function close(row: OutboxRow, signal: AbortSignal): Promise<Delivery> {
    const closed = JSON.parse(row.body) as ApprovalClosed;
    const integration = integrations.get(closed.integration);
    if (!integration) return { type: "delivered" };
    // A question that never arrived is no use to anybody any more.
    const lost = (await outbox.ofJob(row.jobId)).filter((other) => isOf(other, "approval", closed.visit));
    if (lost.length > 0) {
      return { type: "delivered", changes: lost.map(({ id }): OutboxChange => ({ type: "remove", id })) };
    }
    return integration.close(row, closed, signal);
  }

  return {
    send(row, signal) {
      switch (row.kind) {
        case "webhook":
          return webhooks.send(row, signal);
        case "approval":
          return ask(row, signal);
        case "approval_closed":
          return close(row, signal);
        case "files_cleanup":
          return filesCleanup.send(row, signal);
        default:
          return assertNever(row.kind);
      }
    },
  };
}

function isOf(row: OutboxRow, kind: OutboxRow["kind"], visit: number): boolean {
  return row.kind === kind && (JSON.parse(row.body) as { readonly visit: number }).visit === visit;
}

/** Nobody can be asked this way; the job waits all the same. */
export function notSetUp(settings: string): Integration {
  return {
    ask: async (_row, { integration }) => ({
      type: "failed",
      isFinal: true,
      error: `${integration} is not set up: set ${settings} to have people asked; the job waits all the same, for \`orchestrator jobs decide\``,
    }),
    close: async () => ({ type: "delivered" }),
  };
}
