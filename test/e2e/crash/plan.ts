/** What happens in which round: drawn from the seed alone, so that a seed repeats it. */
import type { Chance } from "./chance.ts";

export const WORKER_IDS = ["stream-1", "stream-2", "poll-1", "poll-2"] as const;
export type WorkerId = (typeof WORKER_IDS)[number];

export type Blow =
  /** With `kill -9`, or in an orderly way. */
  | { readonly kind: "kill" | "stop" }
  /** Killed, and again while it starts: before it serves, or as it takes up what was open. */
  | { readonly kind: "kill-at-start" | "kill-in-recovery"; readonly lifeMs: number }
  /** Killed, and again as soon as it says that it is ready. */
  | { readonly kind: "kill-twice" }
  | { readonly kind: "freeze"; readonly frozenMs: number }
  | { readonly kind: "kill-worker" | "drain-worker"; readonly worker: WorkerId; readonly awayMs: number }
  | { readonly kind: "freeze-worker"; readonly worker: WorkerId; readonly frozenMs: number }
  | { readonly kind: "kill-both"; readonly worker: WorkerId }
  /** The disk has no room for a while, and the server is killed in the middle of it or not. */
  | { readonly kind: "fill-disk"; readonly fullMs: number; readonly isKilled: boolean };

export interface Round {
  /** Undisturbed time under load before it. */
  readonly calmMs: number;
  readonly blow: Blow;
}

export interface PlanOptions {
  readonly rounds: number;
  readonly serverFrozenMsMax: number;
  readonly kinds: readonly Blow["kind"][];
}

/** Those that need nothing of the machine. */
export const KINDS: readonly Blow["kind"][] = [
  "kill",
  "stop",
  "kill-at-start",
  "kill-in-recovery",
  "kill-twice",
  "freeze",
  "kill-worker",
  "drain-worker",
  "freeze-worker",
  "kill-both",
];

/** Every kind comes once before any comes again. */
export function planRounds(chance: Chance, { rounds, serverFrozenMsMax, kinds }: PlanOptions): Round[] {
  const planned: Round[] = [];
  while (planned.length < rounds) {
    for (const kind of chance.shuffled(kinds)) {
      planned.push({ calmMs: chance.between(150, 1500), blow: draw(kind, chance, serverFrozenMsMax) });
    }
  }
  return planned.slice(0, rounds);
}

function draw(kind: Blow["kind"], chance: Chance, serverFrozenMsMax: number): Blow {
  const worker = chance.oneOf(WORKER_IDS);
  switch (kind) {
    case "kill":
    case "stop":
    case "kill-twice":
      return { kind };
    case "kill-at-start":
      return { kind, lifeMs: chance.between(0, 150) };
    case "kill-in-recovery":
      return { kind, lifeMs: chance.between(50, 300) };
    case "freeze":
      return { kind, frozenMs: chance.between(1000, serverFrozenMsMax) };
    case "kill-worker":
    case "drain-worker":
      return { kind, worker, awayMs: chance.between(0, 2000) };
    case "freeze-worker":
      // Tasks of the load may take 4 s: some of these pauses outlive that, some do not.
      return { kind, worker, frozenMs: chance.between(500, 7000) };
    case "kill-both":
      return { kind, worker };
    case "fill-disk":
      return { kind, fullMs: chance.between(300, 4000), isKilled: chance.next() < 0.5 };
  }
}
