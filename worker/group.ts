/** The orchestrators of one worker: which of them are there, and how many tasks each may give now. */
import type { Cancel } from "../src/system/clock.ts";
import type { System } from "../src/system/index.ts";
import type { Mode, Orchestrator } from "./orchestrators.ts";
import type { Allowance } from "./registration.ts";
import type { Runner } from "./runner.ts";
import type { Session } from "./session.ts";
import { allowances, Turns } from "./shares.ts";
import type { TaskLimits } from "./slots.ts";
import type { Origin } from "./task.ts";

/** The preferred orchestrator has so long at the start before another one is taken. */
const FIRST_TRY_MS = 3000;
/** One that came back is used again once it has stayed for so long. */
const STEADY_MS = 1000;

interface Member {
  readonly orchestrator: Orchestrator;
  readonly session: Session;
  /** Undefined: it was not reached, and has not failed to answer either. */
  isThere: boolean | undefined;
  sinceMs: number;
  allowance: number;
  isHungry: boolean;
}

export interface GroupParts {
  readonly system: Pick<System, "clock" | "timers" | "log">;
  readonly mode: Mode;
  readonly limits: TaskLimits;
}

export class OrchestratorGroup {
  readonly #members: Member[] = [];
  readonly #turns = new Turns<Origin>((origin) => this.#memberOf(origin)?.orchestrator.weight ?? 1);
  readonly #beganMs: number;
  #runner: Runner | undefined;
  #active: Member | undefined;
  #lookAgain: Cancel = () => undefined;
  #applying = false;

  constructor(private readonly parts: GroupParts) {
    this.#beganMs = parts.system.clock.monotonicMs();
  }

  get sessions(): readonly Session[] {
    return this.#members.map(({ session }) => session);
  }

  get isSeveral(): boolean {
    return this.#members.length > 1;
  }

  add(orchestrator: Orchestrator, session: Session): void {
    const isThere = undefined;
    this.#members.push({ orchestrator, session, isThere, sinceMs: 0, allowance: 0, isHungry: false });
  }

  begin(runner: Runner): void {
    this.#runner = runner;
    this.#apply();
  }

  end(): void {
    this.#lookAgain();
  }

  /** Where on the list a session's orchestrator stands. */
  placeOf(origin: object): number {
    // Asked for each task: the only one, and mostly the first, is found without a search.
    if (this.#members[0]?.session === origin) return 0;
    return this.#members.findIndex(({ session }) => session === origin);
  }

  /** Undefined: it is the only one and may have every slot. */
  allowanceOf(session: Session): Allowance | undefined {
    if (!this.isSeveral) return undefined;
    const tasks = this.#memberOf(session)?.allowance ?? 0;
    return { tasks, isUsed: this.#usedBy(session) >= tasks, limits: this.#limitsFor(session) };
  }

  #limitsFor(session: Session): Record<string, number> {
    const { limits, limitOfTask } = this.parts.limits;
    const left = Object.entries(limits).map(([name, limit]): [string, number] => {
      const types = Object.keys(limitOfTask).filter((task) => limitOfTask[task] === name);
      const used = this.#runner?.countOfOthers(session, new Set(types)) ?? 0;
      return [name, Math.max(0, limit - used)];
    });
    return Object.fromEntries(left);
  }

  roomFor(session: Session): number {
    const runner = this.#runner;
    if (!runner) return 0;
    const allowance = this.allowanceOf(session);
    if (!allowance) return runner.freeSlots;
    return runner.draining ? 0 : Math.max(0, allowance.tasks - this.#usedBy(session));
  }

  nextOrigin(origins: readonly Origin[]): Origin | undefined {
    return this.#turns.next(origins);
  }

  standing(session: Session, isThere: boolean): void {
    const member = this.#memberOf(session);
    if (!member || !this.isSeveral) return;
    if (isThere && member.isThere !== true) member.sinceMs = this.#nowMs();
    member.isThere = isThere;
    this.#apply();
  }

  /** The load changed. */
  changed(): void {
    if (this.isSeveral) this.#apply();
    else for (const { session } of this.#members) session.changed();
  }

  #apply(): void {
    // Telling a session of its allowance may change what is there.
    if (this.#applying || !this.isSeveral || !this.#runner) return;
    this.#applying = true;
    if (this.parts.mode === "FAILOVER") this.#chooseActive();
    this.#share();
    this.#applying = false;
    for (const { session } of this.#members) session.changed();
  }

  #share(): void {
    const { mode } = this.parts;
    const { total } = this.parts.limits;
    for (const member of this.#members) {
      const used = this.#usedBy(member.session);
      member.isHungry = used > 0 && used >= member.allowance;
    }
    const seats = this.#members.map(({ orchestrator, session, isThere, isHungry }) => ({
      weight: orchestrator.weight,
      isThere: isThere === true,
      used: this.#usedBy(session),
      isHungry,
    }));
    const active = this.#active && this.#members.indexOf(this.#active);
    const given = allowances(mode, total, seats, active);
    this.#members.forEach((member, place) => {
      member.allowance = given[place] ?? 0;
    });
  }

  #chooseActive(): void {
    const before = this.#active;
    this.#active = this.#choose();
    if (this.#active === before || !this.#active) return;
    this.parts.system.log.info("this orchestrator gives the tasks now", {
      orchestrator: this.#active.orchestrator.name,
      ...(before && { before: before.orchestrator.name }),
    });
  }

  #choose(): Member | undefined {
    const nowMs = this.#nowMs();
    this.#lookAgain();
    const current = this.#active?.isThere === true ? this.#active : undefined;
    for (const member of this.#members) {
      if (member === current) return current;
      if (member.isThere === true) {
        const steadyInMs = member.sinceMs + STEADY_MS - nowMs;
        if (!current || steadyInMs <= 0) return member;
        this.#lookAgain = this.parts.system.timers.after(steadyInMs, () => this.#apply());
      } else if (member.isThere === undefined && !current) {
        const leftMs = this.#beganMs + FIRST_TRY_MS - nowMs;
        if (leftMs <= 0) continue;
        this.#lookAgain = this.parts.system.timers.after(leftMs, () => this.#apply());
        return undefined;
      }
    }
    return current;
  }

  #usedBy(origin: Origin): number {
    return this.#runner?.countOf(origin) ?? 0;
  }

  #memberOf(origin: Origin): Member | undefined {
    return this.#members.find(({ session }) => session === origin);
  }

  #nowMs(): number {
    return this.parts.system.clock.monotonicMs();
  }
}
