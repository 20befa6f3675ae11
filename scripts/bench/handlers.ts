/** Turns a second through the thread pool: two trivial steps each, as many at once as the engine would have out. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleFile } from "../../src/catalog/bundle.ts";
import { bundlePath } from "../../src/catalog/index.ts";
import { createThreadPool, type Turn } from "../../src/handlers/index.ts";
import { createRealSystem } from "../../src/system/real.ts";

const TURNS = 200_000;
const AT_ONCE = 256;

const folder = await mkdtemp(join(tmpdir(), "orchestrator-bench-"));
const file = join(folder, "flow.ts");
await writeFile(
  file,
  `import { Blueprint } from "orchestrator";
export default new Blueprint({ name: "flow" })
  .handlerFor("start", (context, actions) => { context.stateHistory.seen = context.initialData.number; actions.transitionTo("next"); })
  .handlerFor("next", (context, actions) => actions.dispatchTask({ taskType: "work", params: { number: 1 }, transitions: { success: "finished" } }));
`,
);
const bundled = await bundleFile(file);
if ("refused" in bundled) throw new Error(JSON.stringify(bundled.refused));
const { hash, code } = bundled.bundle;
await writeFile(bundlePath(folder, hash), code);

const system = createRealSystem({ write: (line) => console.error(line) });
const pool = createThreadPool({
  system,
  host: { jobState: async () => undefined },
  bundlePath: (version) => bundlePath(folder, version),
  runLogPath: join(folder, "running.log"),
  threads: Number(process.argv[2] ?? 2),
});
await pool.start();

let asked = 0;
async function lane(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await pool.run(turn(++asked));
}

function turn(number: number): Turn {
  return {
    jobId: `0192f0c1-0000-7000-8000-${String(number).padStart(12, "0")}`,
    hash,
    blueprint: "flow",
    state: "start",
    attempt: 1,
    steps: 0,
    maxSteps: 100,
    initialData: `{"number":${number},"text":"${"x".repeat(180)}"}`,
    stateHistory: "{}",
    client: { id: "bench", config: {} },
    timeoutMs: 30_000,
    defaults: { maxAttempts: 4 },
  };
}

async function measure(name: string, lanes: number, turns: number): Promise<void> {
  const beganMs = system.clock.monotonicMs();
  await Promise.all(Array.from({ length: lanes }, () => lane(Math.ceil(turns / lanes))));
  const tookMs = system.clock.monotonicMs() - beganMs;
  console.log(
    `${name}: ${Math.round((turns / tookMs) * 1000)} turns a second, ${(tookMs / (turns / lanes)).toFixed(3)} ms each`,
  );
}

await measure("warm-up", AT_ONCE, TURNS / 10);
await measure(`${AT_ONCE} at once`, AT_ONCE, TURNS);
await measure("one at a time", 1, TURNS / 40);
await pool.stop();
await rm(folder, { recursive: true });
