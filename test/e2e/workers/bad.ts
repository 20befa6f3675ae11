/** Tasks that do what tasks should not. */
import { mkdirSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Type, Worker } from "orchestrator/worker";

const circle: Record<string, unknown> = {};
circle["itself"] = circle;

export default new Worker({ maxConcurrentTasks: 20 })
  .task("throws_text", () => {
    throw "out of paint";
  })
  .task("throws_nothing", () => {
    throw undefined;
  })
  .task("throws_later", async () => {
    await Bun.sleep(1);
    throw new TypeError("late");
  })
  .task("returns_20_mb", () => ({ text: "x".repeat(20 * 1024 * 1024) }))
  .task("returns_a_circle", () => circle as never)
  .task("returns_a_text", (() => "done") as never)
  .task("returns_nothing", () => undefined)
  .task("returns_a_bigint", () => ({ n: 1n }) as never)
  .task("never_returns", () => new Promise<never>(() => undefined))
  .task("blocks", () => Bun.sleepSync(2500))
  .task("forgets_to_wait", () => {
    void Promise.reject(new Error("nobody waits for this"));
    return { ok: true };
  })
  .task("wants_a_number", { params: Type.Object({ width: Type.Integer() }) }, ({ width }) => ({ width }))
  .task("throws_what_has_no_text", () => {
    throw new Proxy(
      {},
      {
        get() {
          throw new Error("hidden");
        },
      },
    );
  })
  .task("throws_5_mb", () => {
    throw new Error("y".repeat(5 * 1024 * 1024));
  })
  .task("keeps_a_circle", async (_, { checkpoint }) => await checkpoint(circle as never))
  .task("says_odd_things", async (_, { log, sendProgress }) => {
    log.info("odd fields", circle);
    await sendProgress(Number.NaN);
    await sendProgress("half" as never);
    await sendProgress(0.5, "x".repeat(20 * 1024 * 1024));
    return { ok: true };
  })
  .task("names_what_lies_outside", async ({ how, secret }: { how: string; secret: string }, { files }) => {
    const inside = await files.write("inside.txt", "inside");
    const folder = dirname(inside);
    if (how === "dots") return { path: `${folder}/../../${basename(secret)}` };
    if (how === "a link") symlinkSync(secret, join(folder, "link"));
    if (how === "a link in a folder") {
      mkdirSync(join(folder, "all"));
      symlinkSync(secret, join(folder, "all", "link"));
    }
    const paths: Record<string, string> = { "a link": "link", "a link in a folder": "all" };
    return { path: how === "an absolute path" ? secret : join(folder, paths[how] ?? "inside.txt") };
  })
  .task("pid", () => ({ pid: process.pid }));
