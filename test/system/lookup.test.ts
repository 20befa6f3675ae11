import { edenGC } from "bun:jsc";
import { expect, test } from "bun:test";
import { Lookup } from "../../src/system/lookup.ts";

type Like = Pick<Lookup<number, object>, "set" | "delete">;

/** Things that pass through, a hundred at a time; each is held on to by nobody else. */
function pass(through: Like, from: number, count: number): WeakRef<object>[] {
  const seen: WeakRef<object>[] = [];
  for (let index = from; index < from + count; index++) {
    const thing = { index };
    seen.push(new WeakRef(thing));
    through.set(index, thing);
    through.delete(index - 100);
  }
  return seen;
}

/** Of those that passed through, how many a quick collection takes for alive. */
async function leftBehindIn(through: Like): Promise<number> {
  pass(through, 0, 1_000);
  edenGC();
  const seen = pass(through, 1_000, 5_000);
  // A weak reference holds what it was made for until the code that made it has ended.
  await new Promise(setImmediate);
  edenGC();
  return seen.filter((reference) => reference.deref() !== undefined).length;
}

test("what has passed through is free, where a map of the runtime holds on to it", async () => {
  expect(await leftBehindIn(new Lookup())).toBeLessThan(500);
  // When this fails the runtime has learned it: then there is no need for a map of our own.
  expect(await leftBehindIn(new Map())).toBeGreaterThan(3_000);
});

test("it tells the same as a map, whatever came and went", () => {
  const lookup = new Lookup<string, number>();
  const map = new Map<string, number>();
  let state = 1;
  const choose = (count: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % count;
  };
  for (let step = 0; step < 20_000; step++) {
    const key = String(choose(step < 10_000 ? 40 : 4_000));
    if (choose(2) === 0) {
      lookup.set(key, step);
      map.set(key, step);
    } else expect(lookup.delete(key)).toBe(map.delete(key));
    if (step % 4_999 === 0) {
      lookup.clear();
      map.clear();
    }
    expect([lookup.size, lookup.has(key), lookup.get(key)]).toEqual([map.size, map.has(key), map.get(key)]);
    if (step % 500 === 0) expect([...lookup.values()]).toEqual([...map.values()]);
  }
});

test("all can be removed while they are looked at, and each is seen", () => {
  const lookup = new Lookup<number, number>();
  for (let index = 0; index < 1_000; index++) lookup.set(index, index);
  const seen: number[] = [];
  for (const value of lookup.values()) {
    seen.push(value);
    lookup.delete(value);
  }
  expect(seen).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
  expect(lookup.size).toBe(0);
});
