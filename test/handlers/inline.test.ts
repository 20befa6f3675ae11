import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Blueprint, definitionOf } from "../../src/blueprint/index.ts";
import { bundlePath } from "../../src/catalog/index.ts";
import { blueprintsOfBundles, createInlineRunner } from "../../src/handlers/index.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { GO, openWorkshop, turnOf, type Workshop } from "./blueprints.ts";

const system = createRealSystem({ write: () => undefined });
const host = { jobState: async () => undefined };
let shop: Workshop;
beforeEach(async () => {
  shop = await openWorkshop();
});
afterEach(() => shop.drop());

describe("the inline runner", () => {
  test("says what is missing where there is no such blueprint", async () => {
    const runner = createInlineRunner({ system, host, blueprint: () => undefined });

    expect((await runner.run(turnOf("none"))).ending).toMatchObject({
      kind: "broke",
      error: { code: "BUNDLE_UNAVAILABLE" },
    });
  });

  test("answers for a bundle that cannot be imported, and imports it once it is there", async () => {
    const blueprint = blueprintsOfBundles((hash) => bundlePath(shop.folder, hash));
    const runner = createInlineRunner({ system, host, blueprint });
    expect((await runner.run(turnOf("missing"))).ending).toMatchObject({ error: { code: "BUNDLE_UNAVAILABLE" } });

    const hash = await shop.bundle({ start: GO });
    expect((await runner.run(turnOf(hash))).ending).toEqual({ kind: "ended", state: "finished" });

    await Bun.write(bundlePath(shop.folder, "missing"), await Bun.file(bundlePath(shop.folder, hash)).text());
    expect((await runner.run(turnOf("missing"))).ending).toEqual({ kind: "ended", state: "finished" });
  });

  test("names the place in the file that a person wrote", async () => {
    const hash = await shop.bundle({ start: "() => {\n  throw new Error('no');\n}" }, "interface Lost { gone: true }");
    const blueprint = blueprintsOfBundles((each) => bundlePath(shop.folder, each));
    const { ending } = await createInlineRunner({ system, host, blueprint }).run(turnOf(hash));

    expect("error" in ending && ending.error?.message).toContain(`no (at ${shop.folder}/flow-1.ts:5:`);
  });

  test("runs a definition that was made in this process, and hears of an abort", async () => {
    const flow = new Blueprint({ name: "flow" }).handlerFor("start", () => new Promise<void>(() => undefined));
    const runner = createInlineRunner({ system, host, blueprint: () => ({ definition: definitionOf(flow) }) });
    const controller = new AbortController();
    const reply = runner.run(turnOf("any"), controller.signal);

    controller.abort();

    expect((await reply).ending).toMatchObject({ kind: "broke", error: { code: "HANDLER_ABORTED" } });
  });
});
