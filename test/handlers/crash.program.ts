/** Run by crash.test.ts: a process that a handler kills. Arguments: folder, hash, how the turn is asked for. */
import { join } from "node:path";
import { bundlePath } from "../../src/catalog/index.ts";
import { createThreadPool } from "../../src/handlers/index.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { turnOf } from "./blueprints.ts";

const [folder = "", bad = "", good = "", attempt = "1"] = process.argv.slice(2);
const pool = createThreadPool({
  system: createRealSystem({ write: () => undefined }),
  host: { jobState: async () => undefined },
  bundlePath: (hash) => bundlePath(folder, hash),
  runLogPath: join(folder, "running.log"),
});
await pool.start();
const replies = await Promise.all([
  pool.run(turnOf(good, { jobId: "good" })),
  pool.run(turnOf(bad, { jobId: "bad", attempt: Number(attempt) })),
]);
await pool.stop();
console.log(JSON.stringify(replies));
