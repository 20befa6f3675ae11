/** Tasks that do what tasks should not. */
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
  .task("pid", () => ({ pid: process.pid }));
