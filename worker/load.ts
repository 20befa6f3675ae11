/** Imports worker files and takes the workers out of them. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf, Refusal } from "../src/system/errors.ts";
import type { Scheduler } from "../src/system/clock.ts";
import { isDeclaredWorker, type NamedDefinition, WORKER, type WorkerDefinition } from "./definition.ts";
import { hosting } from "./host.ts";

/** `ended` resolves when the worker that is made of the files has stopped: a file may wait for its own `run()`. */
export async function loadWorkerFiles(
  files: readonly string[],
  ended: Promise<void>,
  scheduler: Scheduler,
): Promise<readonly NamedDefinition[]> {
  const found: NamedDefinition[] = [];
  const seen = new Set<WorkerDefinition>();
  for (const file of new Set(files.map((name) => resolve(name)))) {
    for (const definition of await loadFile(file, ended, scheduler)) {
      // A file that imports another one's worker and exports it again does not declare it twice.
      if (!seen.has(definition)) found.push({ file, definition });
      seen.add(definition);
    }
  }
  return found;
}

async function loadFile(file: string, ended: Promise<void>, scheduler: Scheduler): Promise<WorkerDefinition[]> {
  const adopted: WorkerDefinition[] = [];
  let adopt: () => void = () => undefined;
  const wasAdopted = new Promise<void>((done) => {
    adopt = done;
  });
  const host = {
    adopt: (definition: WorkerDefinition) => {
      adopted.push(definition);
      adopt();
      return ended;
    },
  };
  const exported = await hosting(host, () => {
    const whole = importFile(file);
    // `await worker.run()` at the end of a file never comes back before the worker stops.
    return Promise.race([whole, wasAdopted.then(() => settle(whole, scheduler))]);
  });
  const definitions = [...exported, ...adopted];
  if (definitions.length === 0) throw noWorker(file);
  return definitions;
}

/** What is exported by now, once all that is ready has run. */
async function settle(whole: Promise<WorkerDefinition[]>, scheduler: Scheduler): Promise<WorkerDefinition[]> {
  const turn = new Promise<WorkerDefinition[]>((done) => scheduler.afterInput(() => done([])));
  return await Promise.race([whole, turn]);
}

async function importFile(file: string): Promise<WorkerDefinition[]> {
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw new Refusal("WORKER_FILE_BROKEN", 400, `The worker file ${file} cannot be loaded: ${messageOf(error)}`);
  }
  return Object.values(module)
    .filter(isDeclaredWorker)
    .map((worker) => worker[WORKER]);
}

function noWorker(file: string): Refusal {
  const sentence = `The worker file ${file} exports no worker: end it with "export default worker".`;
  return new Refusal("NO_WORKER_IN_FILE", 400, sentence);
}
