/**
 * The shell of the outbox: reads what is due, has it sent, writes what became of it. What is to be
 * sent lies in the store, so that a crash loses nothing; a row that was sent and could not be
 * removed is sent again, with the same id.
 */
import type { Delivery, Sender } from "../../src/notify/port.ts";
import type { Actor, Context, Reply } from "../../src/runtime/types.ts";
import type { Journal, OutboxReader, OutboxRow } from "../../src/storage/port.ts";
import type { Cancel, Clock } from "../../src/system/clock.ts";
import { assertNever, messageOf } from "../../src/system/errors.ts";
import type { Log } from "../../src/system/log.ts";
import type { SteadyClock } from "../../src/system/steady.ts";
import { changesAfter, type Sending } from "./decide.ts";
import { lookForDue } from "./look.ts";
import type { Found, OutboxMessage } from "./messages.ts";

export interface OutboxParts {
  readonly reader: OutboxReader;
  readonly journal: Journal;
  readonly sender: Sender;
  readonly clock: Clock;
  readonly steady: SteadyClock;
  readonly log: Log;
  readonly sending: Sending;
  /** 0 to 1. */
  chance(): number;
  /** Outlives this actor. `held`: how many rows there are, as far as is known, for whoever creates jobs. */
  readonly gauge: { held: number; isStarted: boolean };
  /** What is under way at a stop may take so long to end. */
  readonly stopMs: number;
}

/** No timer is trusted for longer than this, and a look costs little. */
const LOOK_MS = 10_000;
const RETRY_STORE_MS = 1_000;
/** Counting goes through all rows. */
const COUNT_EVERY = 100;
/** A sender ends by itself long before. */
const SEND_MAX_MS = 60_000;

const LATE: Delivery = { type: "failed", error: "did not come to an end", isDown: true };

interface UnderWay {
  readonly row: OutboxRow;
  readonly controller: AbortController;
  readonly cancelLate: Cancel;
}

export class OutboxActor implements Actor<OutboxMessage> {
  #looking = false;
  #lookAgain = false;
  #looks = 0;
  /** What came to an end since the look began: the store was read while it was still there. */
  readonly #endedMeanwhile = new Set<string>();
  #cursor = "";
  #timer: { readonly atMs: number; readonly cancel: Cancel } | undefined;
  #stopping: Reply<void>[] | undefined;
  readonly #underWay = new Map<string, UnderWay>();

  constructor(readonly parts: OutboxParts) {}

  started(context: Context<OutboxMessage>): void {
    if (this.parts.gauge.isStarted) this.#look(context);
  }

  stopped(): void {
    for (const { controller } of this.#underWay.values()) controller.abort();
    for (const reply of this.#stopping ?? []) reply.ok();
  }

  receive(message: OutboxMessage, context: Context<OutboxMessage>): void {
    switch (message.type) {
      case "start":
        this.parts.gauge.isStarted = true;
        return this.#look(context);
      case "written":
        this.parts.gauge.held += message.rows;
        return this.#look(context);
      case "look":
        this.#timer = undefined;
        return this.#look(context);
      case "found":
        return this.#found(message.found, context);
      case "not-found":
        this.#looking = false;
        this.parts.log.warn("The store did not say what is to be sent; asking again.", {
          error: messageOf(message.error),
        });
        return this.#lookAt(this.parts.steady.nowMs() + RETRY_STORE_MS, context);
      case "sent":
        return this.#sent(message.row, message.delivery, context);
      case "settled":
        return this.#ended(message.row, context);
      case "not-settled":
        return this.#notSettled(message.row, message.error, context);
      case "take-up":
      case "discard":
        return this.#change(message, context);
      case "changed":
        this.parts.gauge.held -= message.removed;
        message.reply.ok(message.count);
        return this.#look(context);
      case "not-changed":
        return message.reply.fail(message.error);
      case "stop":
        return this.#stop(message.reply, context);
      case "stop-now":
        return this.#stopNow();
      default:
        return assertNever(message);
    }
  }

  #look(context: Context<OutboxMessage>): void {
    if (this.#stopping) return;
    this.#lookAgain = this.#looking;
    if (this.#looking) return;
    this.#looking = true;
    this.#endedMeanwhile.clear();
    context.pipe(
      this.#read(),
      (found) => ({ type: "found", found }),
      (error) => ({ type: "not-found", error }),
    );
  }

  async #read(): Promise<Found> {
    const { reader, sending, steady } = this.parts;
    const held = this.#looks++ % COUNT_EVERY === 0 ? await reader.count() : undefined;
    const found = await lookForDue(reader, sending, steady.nowMs(), this.#cursor);
    return { ...found, held: held && held.waiting + held.failed };
  }

  #found({ rows, nextAtMs, cursor, held }: Found, context: Context<OutboxMessage>): void {
    this.#looking = false;
    this.#cursor = cursor;
    if (held !== undefined) this.parts.gauge.held = held;
    if (this.#stopping) return;
    const nowMs = this.parts.steady.nowMs();
    const fresh = rows.filter((row) => !this.#endedMeanwhile.has(row.id));
    for (const row of this.parts.sending.begin(fresh, nowMs)) this.#send(row, context);
    this.#lookAt(nextAtMs ?? Number.POSITIVE_INFINITY, context);
    if (this.#lookAgain) this.#look(context);
  }

  #lookAt(atMs: number, context: Context<OutboxMessage>): void {
    if (this.#stopping) return;
    const nowMs = this.parts.steady.nowMs();
    const dueMs = Math.min(atMs, nowMs + LOOK_MS);
    if (this.#timer && this.#timer.atMs <= dueMs) return;
    this.#timer?.cancel();
    this.#timer = { atMs: dueMs, cancel: context.after(Math.max(0, dueMs - nowMs), { type: "look" }) };
  }

  #send(row: OutboxRow, context: Context<OutboxMessage>): void {
    const controller = new AbortController();
    const cancelLate = context.after(SEND_MAX_MS, { type: "sent", row, delivery: LATE });
    this.#underWay.set(row.id, { row, controller, cancelLate });
    context.pipe(
      this.parts.sender.send(row, controller.signal),
      (delivery) => ({ type: "sent", row, delivery }),
      (error) => ({ type: "sent", row, delivery: { type: "failed", error: messageOf(error) } }),
    );
  }

  #sent(row: OutboxRow, delivery: Delivery, context: Context<OutboxMessage>): void {
    // Given up meanwhile: by a stop, which leaves the row as it is, or for taking too long.
    if (!this.#drop(row.id)) return;
    const { steady, clock, sending, chance, journal } = this.parts;
    const moment = { nowMs: steady.nowMs(), atMs: clock.nowMs() };
    sending.answered(row, delivery, moment.nowMs);
    const changes = changesAfter(row, delivery, moment, sending.rules, chance());
    if (delivery.type === "failed") this.#tell(row, delivery.error, changes[0]?.type === "fail");
    context.pipe(
      journal.commit({ jobs: [], outbox: changes }),
      () => ({ type: "settled", row }),
      (error) => ({ type: "not-settled", row, error }),
    );
    const removed = changes.filter((change) => change.type === "remove").length;
    this.parts.gauge.held = Math.max(0, this.parts.gauge.held - removed);
  }

  #tell(row: OutboxRow, error: string, isOver: boolean): void {
    const { log } = this.parts;
    const facts = { kind: row.kind, job: row.jobId, event_id: row.id, attempt: row.attempts + 1, error };
    if (!isOver) log.warn("A message could not be delivered; it is tried again.", facts);
    else
      log.error(
        "A message was given up: `orchestrator outbox list` shows it, `orchestrator outbox retry` sends it again.",
        facts,
      );
  }

  #notSettled(row: OutboxRow, error: unknown, context: Context<OutboxMessage>): void {
    this.parts.log.warn("It could not be written what became of a message; it may be sent twice.", {
      event_id: row.id,
      error: messageOf(error),
    });
    this.#end(row);
    if (this.#stopping) return void this.#leave();
    this.#lookAt(this.parts.steady.nowMs() + RETRY_STORE_MS, context);
  }

  #ended(row: OutboxRow, context: Context<OutboxMessage>): void {
    this.#end(row);
    if (this.#stopping) this.#leave();
    else this.#look(context);
  }

  #end(row: OutboxRow): void {
    this.parts.sending.end(row);
    if (this.#looking) this.#endedMeanwhile.add(row.id);
  }

  #change(message: Extract<OutboxMessage, { type: "take-up" | "discard" }>, context: Context<OutboxMessage>): void {
    const { type, ids, reply } = message;
    const nowMs = this.parts.steady.nowMs();
    const outbox = ids.map((id) =>
      type === "discard"
        ? ({ type: "remove", id } as const)
        : // Its time to be given up begins anew: one more refusal is not the end.
          ({ type: "put-off", id, attempts: 0, dueAtMs: nowMs, sinceMs: nowMs } as const),
    );
    const removed = type === "discard" ? ids.length : 0;
    context.pipe(
      this.parts.journal.commit({ jobs: [], outbox }),
      () => ({ type: "changed", removed, reply, count: ids.length }),
      (error) => ({ type: "not-changed", reply, error }),
    );
  }

  /** Nothing new is sent; what is under way may end. */
  #stop(reply: Reply<void>, context: Context<OutboxMessage>): void {
    this.#stopping ??= [];
    this.#stopping.push(reply);
    this.#timer?.cancel();
    if (this.#leave()) return;
    if (this.parts.stopMs > 0) context.after(this.parts.stopMs, { type: "stop-now" });
    else this.#stopNow();
  }

  #stopNow(): void {
    for (const { row } of this.#underWay.values()) {
      this.#drop(row.id);
      this.parts.sending.end(row);
    }
    this.#leave();
  }

  /** Whatever still comes of it is not looked at. False: it is not under way. */
  #drop(id: string): boolean {
    const underWay = this.#underWay.get(id);
    if (!underWay) return false;
    this.#underWay.delete(id);
    underWay.cancelLate();
    underWay.controller.abort();
    return true;
  }

  /** Also what became of the last ones has to be written. */
  #leave(): boolean {
    if (this.parts.sending.count > 0) return false;
    for (const reply of this.#stopping ?? []) reply.ok();
    return true;
  }
}
