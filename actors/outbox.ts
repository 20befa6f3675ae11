/** What operators may ask of the outbox, answered by the store and the outbox's actor. */
import type { ActorSystem, Ref } from "../src/runtime/types.ts";
import type { OutboxReader, OutboxRow } from "../src/storage/port.ts";
import { Refusal } from "../src/system/errors.ts";
import type { Outbox } from "./orchestrator.ts";
import type { OutboxMessage } from "./outbox/messages.ts";

export interface OutboxFacadeParts {
  readonly actors: ActorSystem;
  readonly actor: Ref<OutboxMessage>;
  readonly reader: OutboxReader;
}

const ASK_MS = 30_000;
const PAGE = 500;

export function createOutbox({ actors, actor, reader }: OutboxFacadeParts): Outbox {
  async function change(type: "take-up" | "discard", id: string | undefined): Promise<number> {
    if (id !== undefined) return tell(type, [(await failedRow(id)).id]);
    const ids = await failedIds();
    let changed = 0;
    for (let from = 0; from < ids.length; from += PAGE) changed += await tell(type, ids.slice(from, from + PAGE));
    return changed;
  }

  /** All that there are now, before one is changed: what is given up again meanwhile must not be taken up without end. */
  async function failedIds(): Promise<readonly string[]> {
    const ids: string[] = [];
    for (;;) {
      const rows = await reader.failed(PAGE, ids.at(-1));
      for (const row of rows) ids.push(row.id);
      if (rows.length < PAGE) return ids;
    }
  }

  function tell(type: "take-up" | "discard", ids: readonly string[]): Promise<number> {
    return actors.ask<OutboxMessage, number>(actor, (reply) => ({ type, ids, reply }), ASK_MS);
  }

  async function failedRow(id: string): Promise<OutboxRow> {
    const row = await reader.row(id);
    if (row?.failedAtMs !== undefined) return row;
    const message = "No message with this id was given up: it was delivered, is still tried, or never was.";
    throw new Refusal("OUTBOX_ROW_NOT_FOUND", 404, message);
  }

  return {
    count: () => reader.count(),
    failed: (limit, after) => reader.failed(limit, after),
    retry: (id) => change("take-up", id),
    discard: (id) => change("discard", id),
  };
}
