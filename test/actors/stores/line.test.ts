import { describe, expect, test } from "bun:test";
import { Line } from "../../../actors/stores/line.ts";

describe("a line", () => {
  test("is held by one at a time, and goes on to those who wait in their order", () => {
    const line = new Line<string>();
    expect([line.take("a"), line.take("a"), line.take("b")]).toEqual([true, true, false]);
    line.wait("b", false);
    line.wait("c", false);
    expect([line.leave("a"), line.leave("b"), line.leave("c"), line.isFree]).toEqual(["b", "c", undefined, true]);
  });

  test("lets those that were dropped go before those that come new", () => {
    const line = new Line<string>();
    line.take("a");
    line.wait("new", false);
    line.wait("dropped", true);
    line.wait("dropped too", true);
    expect([line.leave("a"), line.leave("dropped"), line.leave("dropped too")]).toEqual([
      "dropped",
      "dropped too",
      "new",
    ]);
  });

  test("is left by one that waits in it without moving anybody", () => {
    const line = new Line<string>();
    line.take("a");
    for (const run of ["b", "c"]) line.wait(run, false);
    expect(line.leave("b")).toBeUndefined();
    expect(line.leave("unknown")).toBeUndefined();
    expect(line.leave("a")).toBe("c");
  });

  test("is taken at first touch for the next 1,000 commits after a run was dropped", () => {
    const line = new Line<string>();
    expect(line.isHot).toBe(false);
    line.heat();
    for (let commit = 0; commit < 999; commit++) line.committed();
    expect(line.isHot).toBe(true);
    line.committed();
    expect(line.isHot).toBe(false);
    line.committed();
    expect(line.isHot).toBe(false);
  });
});
