/**
 * How many tasks each of several orchestrators may have at this worker at once. All share its
 * slots; what one does not use the others may, down to one slot that stays free for each.
 */
import type { Mode } from "./orchestrators.ts";

/** One orchestrator as the rules see it, the preferred one first. */
export interface Seat {
  readonly weight: number;
  /** It answers. */
  readonly isThere: boolean;
  /** Running and waiting tasks of it. */
  readonly used: number;
  /** It uses all that it may: it would take more. */
  readonly isHungry: boolean;
}

/** `active` is the one that gives tasks under FAILOVER; undefined: none is there. */
export function allowances(mode: Mode, total: number, seats: readonly Seat[], active: number | undefined): number[] {
  if (mode === "FAILOVER") {
    return seats.map((_, place) => (place === active ? Math.max(0, total - usedByOthers(seats, place)) : 0));
  }
  const shares = sharesOf(total, seats);
  return seats.map((seat, place) => (seat.isThere ? allowance(total, seats, shares, place) : 0));
}

function allowance(total: number, seats: readonly Seat[], shares: readonly number[], place: number): number {
  const others = seats.filter((_, other) => other !== place);
  const share = shares[place] ?? 1;
  const cap = others.some((seat) => seat.isThere && seat.isHungry) ? share : total;
  const left = total - sum(others.map((seat) => (seat.isThere ? Math.max(1, seat.used) : seat.used)));
  return Math.max(leastOf(total, seats, place), Math.min(cap, left));
}

/** With fewer slots than orchestrators a task of each waits here, of the weighty ones another: only so can they take turns. */
function leastOf(total: number, seats: readonly Seat[], place: number): number {
  const there = seats.filter((seat) => seat.isThere);
  const mean = sum(there.map((seat) => seat.weight)) / there.length;
  return total < there.length && (seats[place]?.weight ?? 0) > mean ? 2 : 1;
}

/** Whole slots by weight, at least one each, the largest remainders first. */
function sharesOf(total: number, seats: readonly Seat[]): number[] {
  const weights = seats.map((seat) => (seat.isThere ? seat.weight : 0));
  const whole = sum(weights);
  const exact = weights.map((weight) => (whole === 0 ? 0 : (total * weight) / whole));
  const shares = exact.map((share, place) => (weights[place] === 0 ? 0 : Math.max(1, Math.floor(share))));
  const byRemainder = exact
    .map((share, place) => ({ place, remainder: share - Math.floor(share) }))
    .filter(({ place }) => (exact[place] ?? 0) >= 1)
    .toSorted((one, other) => other.remainder - one.remainder);
  for (const { place } of byRemainder) if (sum(shares) < total) shares[place] = (shares[place] ?? 0) + 1;
  return shares;
}

function usedByOthers(seats: readonly Seat[], place: number): number {
  return sum(seats.map((seat, other) => (other === place ? 0 : seat.used)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}

/** Whose turn it is, so that over time each comes up in proportion to its weight. */
export class Turns<Member> {
  readonly #credit = new Map<Member, number>();

  constructor(private readonly weightOf: (member: Member) => number) {}

  next(members: readonly Member[]): Member | undefined {
    let best: Member | undefined;
    for (const member of members) {
      this.#credit.set(member, (this.#credit.get(member) ?? 0) + this.weightOf(member));
      if (best === undefined || (this.#credit.get(member) ?? 0) > (this.#credit.get(best) ?? 0)) best = member;
    }
    if (best === undefined) return undefined;
    this.#credit.set(best, (this.#credit.get(best) ?? 0) - sum(members.map(this.weightOf)));
    return best;
  }
}
