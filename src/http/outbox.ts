/** Messages that could not be delivered, for operators: seen, sent again, thrown away. */
import { Elysia } from "elysia";
import type { Outbox } from "../../actors/orchestrator.ts";
import { describe } from "./descriptions.ts";
import type { Door } from "./door.ts";
import { messageView } from "./messages.ts";
import { invalidParameter, limitOf, parametersOf } from "./query.ts";
import { json, jsonFor } from "./reply.ts";

export interface OutboxRoutesOptions {
  readonly orchestrator: { readonly outbox: Outbox };
  readonly door: Door;
}

export function outboxRoutes(prefix: string, options: OutboxRoutesOptions, isDescribed: boolean) {
  const { door } = options;
  const { outbox } = options.orchestrator;
  const told = describe("admin", isDescribed);
  const raw = { parse: "none" } as const;
  const changed = (count: number) => json(JSON.stringify({ status: "ok", messages: count }));
  return new Elysia({ prefix: `${prefix}/admin/outbox` })
    .get(
      "",
      async ({ request }) => {
        door.operator(request);
        return jsonFor(request, await listText(outbox, parametersOf(request)));
      },
      told("What waits to be sent, and the messages that were given up"),
    )
    .post(
      "/retry",
      async ({ request }) => {
        door.operator(request);
        return changed(await outbox.retry());
      },
      { ...raw, ...told("Send all given up messages again") },
    )
    .post(
      "/discard",
      async ({ request }) => {
        door.operator(request);
        return changed(await outbox.discard());
      },
      { ...raw, ...told("Throw all given up messages away") },
    )
    .post(
      "/:id/retry",
      async ({ request, params }) => {
        door.operator(request);
        return changed(await outbox.retry(params.id));
      },
      { ...raw, ...told("Send a given up message again") },
    )
    .post(
      "/:id/discard",
      async ({ request, params }) => {
        door.operator(request);
        return changed(await outbox.discard(params.id));
      },
      { ...raw, ...told("Throw a given up message away") },
    );
}

async function listText(outbox: Outbox, parameters: URLSearchParams): Promise<string> {
  const isListed = readFlag(parameters, "failed");
  const counts = await outbox.count();
  if (!isListed) return JSON.stringify(counts);
  const limit = limitOf(parameters);
  // One more than asked for tells whether there is a next page.
  const rows = await outbox.failed(limit + 1, parameters.get("cursor") ?? undefined);
  const shown = rows.slice(0, limit);
  const next = rows.length > limit ? (shown.at(-1)?.id ?? null) : null;
  return JSON.stringify({ ...counts, messages: shown.map(messageView), next_cursor: next });
}

function readFlag(parameters: URLSearchParams, name: string): boolean {
  const text = parameters.get(name) ?? "true";
  if (text === "true" || text === "false") return text === "true";
  throw invalidParameter(name, `${name} must be true or false.`);
}
