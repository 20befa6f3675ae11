/** Imports worker files and takes the workers out of them. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf, Refusal } from "../src/system/errors.ts";
import type { Scheduler } from "../src/system/clock.ts";
import { isDeclaredWorker, type NamedDefinition, WORKER, type WorkerDefinition } from "./definition.ts";
import { errorFacts, mistakesOf } from "./error-place.ts";
import type { WorkerHost } from "./host.ts";

/** Takes the workers of files that call `run()` themselves, for as long as this program runs them. */
export class FileHost implements WorkerHost {
  readonly #known = new Set<WorkerDefinition>();
  #loading: ((definition: WorkerDefinition) => void) | undefined;

  /** `ended` resolves when the worker that is made of the files has stopped. */
  constructor(
    private readonly ended: Promise<void>,
    private readonly scheduler: Scheduler,
  ) {}

  async adopt(definition: WorkerDefinition): Promise<void> {
    if (this.#loading) this.#loading(definition);
    else if (!this.#known.has(definition)) throw tooLate();
    await this.ended;
  }

  async load(files: readonly string[]): Promise<readonly NamedDefinition[]> {
    const found: NamedDefinition[] = [];
    for (const file of new Set(files.map((name) => resolve(name)))) {
      const definitions = await this.#loadFile(file);
      // A file that exports a worker of another file again does not declare it twice.
      for (const definition of [...definitions].filter((one) => !this.#known.has(one))) {
        this.#known.add(definition);
        found.push({ file, definition });
      }
    }
    return found;
  }

  async #loadFile(file: string): Promise<ReadonlySet<WorkerDefinition>> {
    const adopted: WorkerDefinition[] = [];
    const wasAdopted = new Promise<void>((done) => {
      this.#loading = (definition) => {
        adopted.push(definition);
        done();
      };
    });
    const whole = importFile(file);
    // `await worker.run()` at the end of a file does not come back before the worker stops.
    const exported = await Promise.race([whole, wasAdopted.then(() => settle(whole, this.scheduler))]);
    this.#loading = undefined;
    const definitions = new Set([...exported, ...adopted]);
    if (definitions.size === 0) throw noWorker(file);
    return definitions;
  }
}

/** What is exported by now, once all that is ready has run. */
async function settle(whole: Promise<WorkerDefinition[]>, scheduler: Scheduler): Promise<WorkerDefinition[]> {
  const turn = new Promise<WorkerDefinition[]>((done) => scheduler.afterInput(() => done([])));
  return await Promise.race([whole, turn]);
}

async function importFile(file: string): Promise<WorkerDefinition[]> {
  if (!(await Bun.file(file).exists())) throw new Refusal("NO_SUCH_FILE", 400, `There is no worker file ${file}.`);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw broken(file, error);
  }
  return Object.values(module)
    .filter(isDeclaredWorker)
    .map((worker) => worker[WORKER]);
}

/** What the SDK refuses keeps its own code: it says more. */
function broken(file: string, error: unknown): Refusal {
  const [first = error, ...others] = mistakesOf(error);
  const { place } = errorFacts(first);
  const where = place === undefined ? "" : ` (${place})`;
  const code = error instanceof Refusal ? error.code : "WORKER_FILE_BROKEN";
  const sentence = `The worker file ${file} cannot be loaded: ${messageOf(first)}${where}${more(others.length)}`;
  return new Refusal(code, 400, sentence);
}

function more(count: number): string {
  return count === 0 ? "" : `, and ${count} more ${count === 1 ? "error" : "errors"}`;
}

function noWorker(file: string): Refusal {
  const sentence = `The worker file ${file} exports no worker: end it with "export default worker".`;
  return new Refusal("NO_WORKER_IN_FILE", 400, sentence);
}

function tooLate(): Refusal {
  const sentence = "A worker file called run() on a worker that it neither exported nor ran while it was loaded.";
  return new Refusal("WORKER_TOO_LATE", 409, sentence);
}
