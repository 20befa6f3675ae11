/** Blueprints in bundle files, and a pool of real threads that runs them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleFile } from "../../src/catalog/bundle.ts";
import { bundlePath } from "../../src/catalog/index.ts";
import { createThreadPool, type ThreadPoolOptions, type Turn } from "../../src/handlers/index.ts";
import { createLog, type LogLine } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";

export interface Workshop {
  readonly folder: string;
  readonly lines: LogLine[];
  /** Handlers of one blueprint, by state, as their texts; resolves with the bundle's hash. */
  bundle(handlers: Readonly<Record<string, string>>, top?: string): Promise<string>;
  /** Resolves with the first line whose message holds the text. */
  logged(text: string): Promise<LogLine>;
  pool(changes?: Partial<ThreadPoolOptions>): ReturnType<typeof createThreadPool>;
  drop(): Promise<void>;
}

export async function openWorkshop(): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), "orchestrator-threads-"));
  const lines: LogLine[] = [];
  const listeners = new Set<(line: LogLine) => void>();
  const pools: ReturnType<typeof createThreadPool>[] = [];
  let files = 0;
  const system = {
    ...createRealSystem({ write: () => undefined }),
    log: createLog((line) => {
      lines.push(line);
      for (const listener of listeners) listener(line);
    }, "debug"),
  };

  return {
    folder,
    lines,
    async bundle(handlers, top = "") {
      const file = join(folder, `flow-${++files}.ts`);
      const calls = Object.entries(handlers).map(([state, text]) => `  .handlerFor("${state}", ${text})`);
      await writeFile(
        file,
        `import { Blueprint } from "orchestrator";\n${top}\nexport default new Blueprint({ name: "flow", dataStores: { counter: {} } })\n${calls.join("\n")};\n`,
      );
      const bundled = await bundleFile(file);
      if ("refused" in bundled) throw new Error(JSON.stringify(bundled.refused));
      await writeFile(bundlePath(folder, bundled.bundle.hash), bundled.bundle.code);
      return bundled.bundle.hash;
    },
    logged(text) {
      const known = lines.find((line) => line.message.includes(text));
      if (known) return Promise.resolve(known);
      const { promise, resolve } = Promise.withResolvers<LogLine>();
      listeners.add((line) => line.message.includes(text) && resolve(line));
      return promise;
    },
    pool(changes = {}) {
      const pool = createThreadPool({
        system,
        host: { jobState: async () => undefined },
        bundlePath: (hash) => bundlePath(folder, hash),
        runLogPath: join(folder, "running.log"),
        blockMs: 400,
        ...changes,
      });
      pools.push(pool);
      return pool;
    },
    async drop() {
      for (const pool of pools) await pool.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function turnOf(hash: string, changes: Partial<Turn> = {}): Turn {
  return {
    jobId: "job-1",
    hash,
    blueprint: "flow",
    state: "start",
    attempt: 1,
    steps: 0,
    maxSteps: 100,
    initialData: "{}",
    stateHistory: "{}",
    client: { id: "client", config: {} },
    timeoutMs: 5_000,
    defaults: { maxAttempts: 4 },
    ...changes,
  };
}

export const GO = "(context, actions) => actions.transitionTo('finished')";
