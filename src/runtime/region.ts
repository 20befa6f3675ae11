import type { Cancel } from "../system/clock.ts";
import { Lookup } from "../system/lookup.ts";
import { Address } from "./address.ts";
import { Cell } from "./cell.ts";
import type { Machine } from "./machine.ts";
import type { Questions } from "./question.ts";
import { Ranked, Recency } from "./recency.ts";
import { SUPERVISION_DEFAULT } from "./supervision.ts";
import type { Branch, CellProps, Supervisor } from "./tree.ts";
import type { Ref, Region, RegionProps, Supervision, Told } from "./types.ts";
import { Watchers } from "./watchers.ts";

/** So many actors are looked at in one go; the rest waits for the next, so that nobody else stands still. */
const LOOKS_SWEEP = 1024;
/** While far over the limit each turn of an actor looks at so few. */
const LOOKS_OVERFLOW = 16;
/** Of the limit: so many more may be there while they are busy. */
const OVERFLOW = 1.25;
/** One that comes back before so many others have gone had to go in the middle of its work. */
const GONE_KEPT = 64;

/** Hears of a failure that no supervisor settled. */
export type ReportFailure = (path: string, error: unknown) => void;

/**
 * Actors by key. It holds those in memory in the order of their last turn and lets the idle ones
 * go. Over its limit an actor that has just had its turn goes: of many that wait for something,
 * those that came first are mostly needed first, and who always sent the oldest away would have to
 * bring back each of them. One that comes back at once stays, and the longest idle goes for it: a
 * message after the other would bring it back otherwise.
 */
export class CellRegion<Message> implements Region<Message>, Branch {
  readonly machine: Machine;
  readonly #props: RegionProps<Message>;
  readonly #cellProps: CellProps<Message>;
  readonly #report: ReportFailure;
  readonly #tenants = new Lookup<string, Tenant<Message>>();
  readonly #recency = new Recency<Tenant<Message>>();
  readonly #watchers = new Map<string, Watchers>();
  /** Keys of the latest that had to go after their turn. */
  readonly #gone = new Set<string>();
  #cancelSweep: Cancel | undefined;
  #ended = false;

  constructor(machine: Machine, props: RegionProps<Message>, report: ReportFailure) {
    this.machine = machine;
    // At least one millisecond, or a busy actor would be looked at without end.
    this.#props = { ...props, idleMs: Math.max(1, props.idleMs) };
    this.#cellProps = { create: props.create, capacity: props.capacity, batch: props.batch };
    this.#report = report;
  }

  get path(): string {
    return `/${this.#props.name}`;
  }

  get active(): number {
    return this.#tenants.size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get supervision(): Supervision {
    return this.#props.supervision ?? SUPERVISION_DEFAULT;
  }

  ref(key: string): Ref<Message> {
    return this.find(key)?.self ?? new KeyAddress(this, key);
  }

  find(key: string): Cell<Message> | undefined {
    return this.#tenants.get(key)?.cell;
  }

  /** The actor of the key, made where there is none; undefined once the region has ended. */
  bring(key: string, self: Ref<Message>): Cell<Message> | undefined {
    return this.find(key) ?? (this.#ended ? undefined : this.#create(key, self));
  }

  #create(key: string, self: Ref<Message>): Cell<Message> {
    const tenant = new Tenant(this, key, this.#cellProps, self);
    tenant.isBack = this.#gone.delete(key);
    this.#tenants.set(key, tenant);
    this.#recency.use(tenant, this.machine.dispatcher.nowMs);
    this.#armSweep(this.#props.idleMs);
    return tenant.cell;
  }

  // ---- idle actors leave

  used(tenant: Tenant<Message>): void {
    if (tenant.cell.stopped) return;
    this.#recency.use(tenant, this.machine.dispatcher.nowMs);
    if (this.#isOver(this.#props.maxActive)) this.machine.dispatcher.defer(() => this.#makeRoom(tenant));
  }

  #isOver(limit: number): boolean {
    return this.#tenants.size > limit;
  }

  #makeRoom(used: Tenant<Message>): void {
    const { maxActive } = this.#props;
    if (!this.#isOver(maxActive)) return;
    if (used.cell.quiet && !used.isBack) return this.#sendAway(used);
    const limit = used.isBack ? maxActive : maxActive * OVERFLOW;
    this.#release(LOOKS_OVERFLOW, () => this.#isOver(limit));
  }

  #sendAway(tenant: Tenant<Message>): void {
    tenant.leave();
    this.#gone.add(tenant.key);
    const [oldest] = this.#gone;
    if (this.#gone.size > GONE_KEPT && oldest !== undefined) this.#gone.delete(oldest);
  }

  #armSweep(delayMs: number): void {
    this.#cancelSweep ??= this.machine.timers.after(Math.ceil(delayMs), () => {
      this.#cancelSweep = undefined;
      this.machine.dispatcher.defer(() => this.#sweep());
    });
  }

  #sweep(): void {
    if (this.#ended) return;
    const dueMs = this.machine.clock.monotonicMs() - this.#props.idleMs;
    this.#release(LOOKS_SWEEP, ({ usedMs }) => usedMs <= dueMs);
    const oldest = this.#recency.oldest;
    if (oldest !== undefined) this.#armSweep(Math.max(0, oldest.usedMs - dueMs));
  }

  /** Those that cannot go now move to the end of the order, where their time begins anew. */
  #release(looks: number, wanted: (tenant: Tenant<Message>) => boolean): void {
    const nowMs = this.machine.clock.monotonicMs();
    for (let look = 0; look < looks; look++) {
      const tenant = this.#recency.oldest;
      if (tenant === undefined || !wanted(tenant)) return;
      if (tenant.cell.quiet) tenant.leave();
      else this.#recency.use(tenant, nowMs);
    }
  }

  // ---- actors go

  /** Asked to stop: it leaves memory, and messages that wait already are read by a successor, in their order. */
  dismiss(key: string): void {
    const tenant = this.#tenants.get(key);
    if (tenant === undefined) return;
    if (tenant.cell.idle) tenant.leave();
    else tenant.cell.renew();
  }

  forget(tenant: Tenant<Message>): void {
    if (this.#tenants.get(tenant.key) === tenant) this.#tenants.delete(tenant.key);
    this.#recency.remove(tenant);
  }

  escalated(tenant: Tenant<Message>, error: unknown): void {
    this.#report(tenant.cell.path, error);
    tenant.cell.end();
  }

  end(): void {
    this.#ended = true;
    this.#cancelSweep?.();
    for (const tenant of [...this.#tenants.values()].toReversed()) tenant.cell.end();
  }

  // ---- death watch

  watch(key: string, notify: () => void): Cancel | undefined {
    if (this.#ended) return undefined;
    const watchers = this.#watchers.get(key) ?? new Watchers(() => this.#watchers.delete(key));
    this.#watchers.set(key, watchers);
    return watchers.add(notify);
  }

  notifyWatchers(key: string): void {
    const watchers = this.#watchers.get(key);
    this.#watchers.delete(key);
    watchers?.notify();
  }
}

/** One actor of a region, in memory. */
class Tenant<Message> extends Ranked implements Supervisor {
  readonly key: string;
  readonly cell: Cell<Message>;
  /** It had to go shortly before it came. */
  isBack = false;
  readonly #region: CellRegion<Message>;
  /** Out of memory on purpose: that is not its end, it comes back with the next message. */
  #leaving = false;

  constructor(region: CellRegion<Message>, key: string, props: CellProps<Message>, self: Ref<Message>) {
    super();
    this.#region = region;
    this.key = key;
    this.cell = new Cell(region.machine, this, props, key, self);
  }

  get supervision(): Supervision {
    return this.#region.supervision;
  }

  worked(): void {
    this.#region.used(this);
  }

  /** Out of the map first: a message sent by its last call makes a successor. */
  leave(): void {
    this.#leaving = true;
    this.#region.forget(this);
    this.cell.end();
  }

  left(): void {
    this.#region.forget(this);
    if (!this.#leaving) this.#region.notifyWatchers(this.key);
  }

  escalated(_cell: Branch, error: unknown): void {
    this.#region.escalated(this, error);
  }
}

/** The address of a key, whether its actor is in memory or not. */
class KeyAddress<Message> extends Address<Message> {
  readonly #region: CellRegion<Message>;
  readonly #key: string;
  #cell: Cell<Message> | undefined;

  constructor(region: CellRegion<Message>, key: string) {
    super();
    this.#region = region;
    this.#key = key;
  }

  get path(): string {
    return `${this.#region.path}/${this.#key}`;
  }

  tell(message: Message): Told {
    return this.#reach()?.tell(message) ?? this.#refuse(message);
  }

  tellFirst(message: Message): Told {
    return this.#reach()?.tellFirst(message) ?? this.#refuse(message);
  }

  /** Remembered, because an actor that is written to once is often written to again. */
  #reach(): Cell<Message> | undefined {
    if (this.#cell?.stopped !== false) this.#cell = this.#region.bring(this.#key, this);
    return this.#cell;
  }

  #refuse(message: Message): Told {
    this.#region.machine.deadLetters.publish(this.path, message, "dead");
    return "dead";
  }

  questions(): Questions | undefined {
    return this.#region.find(this.#key)?.questions;
  }

  stop(): void {
    this.#region.machine.dispatcher.defer(() => this.#region.dismiss(this.#key));
  }

  watch(notify: () => void): Cancel | undefined {
    return this.#region.watch(this.#key, notify);
  }
}
