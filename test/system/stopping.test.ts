import { describe, expect, test } from "bun:test";
import { Stopping } from "../../src/system/stopping.ts";

function heard() {
  const stopping = new Stopping();
  const told: string[] = [];
  return { stopping, told, listener: (name: string) => () => void told.push(name) };
}

describe("who is told to stop", () => {
  test("hears it once, each of them, in their order", () => {
    const { stopping, told, listener } = heard();
    stopping.signal.addEventListener("abort", listener("first"));
    stopping.signal.addEventListener("abort", listener("second"));
    expect(stopping.signal.aborted).toBe(false);

    stopping.abort();
    stopping.abort();

    expect(stopping.signal.aborted).toBe(true);
    expect(told).toEqual(["first", "second"]);
  });

  test("hears nothing after it has stopped listening", () => {
    const { stopping, told, listener } = heard();
    const gone = listener("gone");
    stopping.signal.addEventListener("abort", gone);
    stopping.signal.addEventListener("abort", listener("there"));
    stopping.signal.removeEventListener("abort", gone);
    stopping.signal.removeEventListener("abort", gone);

    stopping.abort();

    expect(told).toEqual(["there"]);
  });

  test("sees it by looking if it comes too late, as with an AbortSignal", () => {
    const { stopping, told, listener } = heard();
    stopping.abort();
    stopping.signal.addEventListener("abort", listener("late"));

    stopping.abort();

    expect(stopping.signal.aborted).toBe(true);
    expect(told).toEqual([]);
  });
});
