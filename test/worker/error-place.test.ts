import { expect, test } from "bun:test";
import { errorFacts } from "../../worker/error-place.ts";

function thrown(...frames: readonly string[]): Error {
  const error = new TypeError("no such thing");
  error.stack = ["TypeError: no such thing", ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}

test.each([
  ["a function of the user's file", ["f (/me/w.ts:1:2)", "g (/$bunfs/root/orchestrator:11:5)"], "/me/w.ts:1:2"],
  ["no function", ["/me/w.ts:1:2"], "/me/w.ts:1:2"],
  [
    "this program, called by the user's file",
    ["f (/$bunfs/root/o:1:1)", "async <anonymous> (/me/w.ts:3:4)"],
    "/me/w.ts:3:4",
  ],
  ["a package, called by the user's file", ["f (/me/node_modules/p/i.js:1:1)", "g (/me/w.ts:3:4)"], "/me/w.ts:3:4"],
  ["a file with blanks in its path", ["f (/my files/w.ts:1:2)"], "/my files/w.ts:1:2"],
  ["nowhere that is told", ["f (native)"], undefined],
])("an error out of %s is told with its place", (_, frames, place) => {
  expect(errorFacts(thrown(...frames))).toEqual({ error: "TypeError: no such thing", ...(place && { place }) });
});

test("what is thrown need not be an error", () => {
  expect(errorFacts("just text")).toEqual({ error: "just text" });
});
