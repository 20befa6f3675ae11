import { describe, expect, test } from "bun:test";
import { createRoster } from "../../src/access/worker-roster.ts";

const entries = [
  { id: "worker-001", hash: "one" },
  { id: "worker-*", hash: "all" },
  { id: "worker-gpu-?", hash: "gpu" },
  { id: "twin-a", hash: "twins" },
  { id: "twin-b", hash: "twins" },
];

describe("which token a worker has to send", () => {
  const roster = createRoster({ entries, sharedHash: "shared" });

  test.each([
    ["its own", "one", "worker-001", true],
    ["a pattern's, though it has its own", "all", "worker-001", false],
    ["the shared one, though it has its own", "shared", "worker-001", false],
    ["another worker's", "twins", "worker-001", false],
    ["its pattern's", "all", "worker-002", true],
    ["the shared one, though a pattern fits", "shared", "worker-002", false],
    ["that of the pattern that says more", "gpu", "worker-gpu-7", true],
    ["that of the pattern that says less", "all", "worker-gpu-7", false],
    ["that of a pattern that nearly fits", "gpu", "worker-gpu-77", false],
    ["the shared one, and is not listed", "shared", "other", true],
    ["somebody's own, and is not listed", "one", "other", false],
    ["none that is known", "guess", "other", false],
    ["one with what only looks like a pattern to a regular expression", "gpu", "workerXgpu-7", false],
  ])("%s", (_, hash, id, isAdmitted) => {
    expect(roster.admits(hash, id)).toBe(isAdmitted);
  });

  test("a token of one worker alone proves who it is; others do not", () => {
    expect(["one", "all", "twins", "shared", "guess"].map((hash) => roster.ownerOf(hash))).toEqual([
      "worker-001",
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(["one", "all", "twins", "shared", "guess"].map((hash) => roster.knows(hash))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  test("without a shared token nobody comes in who is not listed", () => {
    const closed = createRoster({ entries, sharedHash: undefined });
    expect(closed.admits("shared", "other")).toBe(false);
    expect(closed.knows("shared")).toBe(false);
    expect(closed.admits("one", "worker-001")).toBe(true);
  });

  test("a pattern of many stars decides at once", () => {
    const stars = createRoster({ entries: [{ id: "*".repeat(50) + "x", hash: "h" }], sharedHash: undefined });
    expect(stars.admits("h", "y".repeat(5000))).toBe(false);
  });
});
