import { describe, expect, test } from "bun:test";
import type { Manifest } from "../../src/catalog/port.ts";
import { createDrawing } from "../../src/http/drawing.ts";
import type { Timers } from "../../src/system/clock.ts";
import { Refusal } from "../../src/system/errors.ts";

const patient: Timers = { after: () => () => undefined };
const impatient: Timers = {
  after(_delayMs, run) {
    run();
    return () => undefined;
  },
};

function manifest(name: string): Manifest {
  return {
    name,
    hash: "h",
    file: "a.ts",
    apiVersion: "v1",
    start: "start",
    states: [{ name: "start", isStart: true, isEnd: false, isAggregator: false }],
    edges: [{ from: "start", to: "finished", label: "transition" }],
  };
}

async function codeOf(drawn: Promise<unknown>): Promise<string> {
  const error: unknown = await drawn.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof Refusal ? error.code : "drawn";
}

describe("a picture that a server draws", () => {
  test("is a PNG or an SVG, drawn once for each version of a blueprint", async () => {
    const drawing = createDrawing(patient);
    const png = drawing.draw(manifest("a"), "png");
    expect(drawing.draw(manifest("a"), "png")).toBe(png);
    expect(drawing.draw({ ...manifest("a"), hash: "newer" }, "png")).not.toBe(png);
    expect(
      Buffer.from(await png)
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
    expect(new TextDecoder().decode(await drawing.draw(manifest("a"), "svg"))).toContain("<svg ");
  });

  test("that takes too long is given up with what to do, and tried anew at the next request", async () => {
    const drawing = createDrawing(impatient);
    const refused = drawing.draw(manifest("a"), "svg");
    await expect(refused).rejects.toThrow("it takes more than 10 s): ask for format=dot");
    expect(drawing.draw(manifest("a"), "svg")).not.toBe(refused);
  });

  test("is refused while too many others wait, and drawn afterwards", async () => {
    const drawing = createDrawing(patient);
    const all = Array.from({ length: 18 }, (_, index) => drawing.draw(manifest(`a${index}`), "svg"));
    const codes = await Promise.all(all.map(codeOf));
    expect(codes.filter((code) => code === "drawn")).toHaveLength(16);
    expect(codes.slice(16)).toEqual(["TOO_MANY_DRAWINGS", "TOO_MANY_DRAWINGS"]);
    expect(await codeOf(drawing.draw(manifest("a17"), "svg"))).toBe("drawn");
  });
});
