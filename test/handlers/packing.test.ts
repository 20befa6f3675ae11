import { expect, test } from "bun:test";
import { Packer, Unpacker } from "../../src/handlers/packing.ts";

const NUMBERS = [0, 1, 127, 128, 255, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 1_798_000_000_000, Number.MAX_SAFE_INTEGER];
const TEXTS = ["", "a", "\u0000\u0080\u00ff", "é 😀 \u2028 \ud800", "x".repeat(300)];

test("every number and text comes out as it went in, in its order", () => {
  const packer = new Packer();
  for (const number of NUMBERS) {
    packer.number(number);
    packer.difference(Math.floor(number / 2));
    packer.difference(-Math.floor(number / 2));
    for (const text of TEXTS) {
      packer.text(text);
      packer.optional(text);
      packer.optional(undefined);
      packer.text(text);
      packer.text(text);
    }
  }

  const unpacker = new Unpacker(packer.take());

  for (const number of NUMBERS) {
    expect(unpacker.number()).toBe(number);
    expect(unpacker.difference()).toBe(Math.floor(number / 2));
    expect(unpacker.difference()).toBe(0 - Math.floor(number / 2));
    for (const text of TEXTS) {
      expect(unpacker.text()).toBe(text);
      expect(unpacker.optional()).toBe(text);
      expect(unpacker.optional()).toBeUndefined();
      expect(unpacker.likely(text)).toBe(text);
      expect(unpacker.likely("a guess")).toBe(text);
    }
  }
  expect(unpacker.isAtEnd).toBe(true);
});

test("a packer that was emptied begins anew, and counts the characters of its texts", () => {
  const packer = new Packer();
  packer.text("first");
  packer.optional("one");
  expect(packer.characters).toBe(8);
  packer.take();

  expect(packer.characters).toBe(0);
  expect(packer.take()).toBe("");
});

test("what is no whole number from 0 becomes one, and what stands behind it is read as it was", () => {
  const packer = new Packer();
  const numbers = [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, 7];
  for (const number of numbers) packer.number(number);
  packer.text("behind");
  const unpacker = new Unpacker(packer.take());

  expect(numbers.map(() => unpacker.number())).toEqual([0, 0, 1, 0, 7]);
  expect(unpacker.text()).toBe("behind");
});
