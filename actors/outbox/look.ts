/** Looks through the store for what is due, destination by destination, no further than there is room to send. */
import type { OutboxReader, OutboxRow } from "../../src/storage/port.ts";
import type { Sending } from "./decide.ts";
import type { Found } from "./messages.ts";

const PAGE = 200;

export async function lookForDue(
  reader: OutboxReader,
  sending: Sending,
  nowMs: number,
  from: string,
): Promise<Omit<Found, "held">> {
  const rows: OutboxRow[] = [];
  let nextAtMs: number | undefined;
  let cursor = "";
  for await (const { destination, dueAtMs } of destinationsFrom(reader, from)) {
    const restsUntilMs = sending.restsUntilMs(destination, nowMs);
    const atMs = Math.max(dueAtMs, restsUntilMs ?? 0);
    if (atMs > nowMs) {
      nextAtMs = Math.min(atMs, nextAtMs ?? atMs);
      continue;
    }
    const room = sending.roomFor(destination, nowMs);
    // Whoever has no room looks again when one of its sends has ended.
    if (room <= 0) continue;
    // Those that are under way are still in the store.
    const due = await reader.due(destination, nowMs, room + sending.sendingTo(destination));
    rows.push(...due);
    cursor = destination;
    if (rows.length >= sending.room) break;
  }
  return { rows, nextAtMs, cursor };
}

/** All of them once, the one after `from` first: with more to do than room, everybody's turn comes. */
async function* destinationsFrom(reader: OutboxReader, from: string) {
  for (const isFirstRound of from === "" ? [true] : [true, false]) {
    let after = isFirstRound ? from : "";
    for (;;) {
      const page = await reader.destinations(after, PAGE);
      for (const one of page) {
        if (!isFirstRound && one.destination > from) return;
        yield one;
      }
      const last = page.at(-1);
      if (!last || page.length < PAGE) break;
      after = last.destination;
    }
  }
}
