import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { System } from "../../src/system/index.ts";
import { registerWorkerModule, runWorkerFiles } from "../../worker/main.ts";
import { FakeOrchestrator } from "./support/fake-orchestrator.ts";
import { FakeTimers } from "./support/fake-timers.ts";
import { logBook } from "./support/running.ts";
import { within } from "./support/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "worker-main-"));
beforeAll(registerWorkerModule);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(source: string): string {
  const path = join(folder, `worker-${++files}.ts`);
  writeFileSync(path, `import { Worker } from "orchestrator/worker";\n${source}\n`);
  return path;
}

const open: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

/** Time passes as the test says. */
function startWithFakeTimers(paths: readonly string[]) {
  const timers = new FakeTimers();
  return { ...start(paths, {}, { timers }), timers };
}

function start(paths: readonly string[], environment: Record<string, string> = {}, over: Partial<System> = {}) {
  const fake = new FakeOrchestrator().start();
  const stop = new AbortController();
  const book = logBook();
  const code = runWorkerFiles(paths, {
    environment: {
      ORCHESTRATOR_URL: fake.url,
      WORKER_ID: "w1",
      WORKER_TOKEN: "t",
      WORKER_DATA_DIR: join(folder, "kept"),
      ...environment,
    },
    system: { ...book.system, ...over },
    stop: stop.signal,
  });
  const end = async () => {
    stop.abort();
    return await within("the exit code", code);
  };
  open.push(fake, { stop: async () => void (await end()) });
  return { fake, book, code, end };
}

describe("worker files", () => {
  test.each<[string, () => string[], string | RegExp]>([
    ["exports no worker", () => [file("export const answer = 42;")], "exports no worker"],
    ["declares no task", () => [file("export default new Worker();")], "has no task"],
    ["cannot be parsed", () => [file("\nconst tasks = ;")], /cannot be loaded: Unexpected ; \(.*\.ts:\d+:15\)/],
    [
      "has two mistakes in its syntax",
      () => [file("let a;\nlet a;\nlet a;")],
      /cannot be loaded: "a" has already been declared \(.*\.ts:3:5\), and 1 more error$/,
    ],
    [
      "has three mistakes in its syntax",
      () => [file("let a;\nlet a;\nlet a;\nlet a;")],
      /cannot be loaded: "a" has already been declared \(.*\.ts:3:5\), and 2 more errors$/,
    ],
    [
      "throws several errors of its own",
      () => [file('throw new AggregateError([new Error("one"), new Error("two")], "no camera");')],
      /cannot be loaded: no camera \(.*\.ts:\d+:\d+\)$/,
    ],
    ["throws while it loads", () => [file('throw new Error("no camera");')], /no camera \(.*\.ts:\d+:\d+\)/],
    ["throws a text while it loads", () => [file('throw "no camera";')], "cannot be loaded: no camera"],
    ["is not there", () => [join(folder, "nowhere.ts")], "nowhere.ts"],
    [
      "declares a task twice",
      () => [file('export default new Worker().task("a", () => {}).task("a", () => {});')],
      'The task "a" is declared twice',
    ],
    ["has a task without handler", () => [file('export default new Worker().task("a", {});')], "has no handler"],
  ])("a file that %s ends with exit code 2 and a sentence", async (_, paths, sentence) => {
    const { code, book } = start(paths());

    expect(await within("the exit code", code)).toBe(2);
    expect(book.lines.map(({ message }) => message).join("\n")).toMatch(sentence);
  });

  test("one that never ends at its top level can be stopped, and the log says what it waits for", async () => {
    const { code, book, end, timers } = startWithFakeTimers([file("await new Promise(() => {});")]);
    timers.pass(10_000);
    expect(book.lines.map(({ message }) => message).join()).toContain("are still being loaded");
    expect(await end()).toBe(0);
    expect(await code).toBe(0);
  });

  test("a task that is declared twice keeps its code, in one file and in two", async () => {
    const twice = start([file('export default new Worker().task("a", () => {}).task("a", () => {});')]);
    const [one, other] = [1, 2].map(() => file('export default new Worker().task("paint", () => {});'));
    const inTwo = start([one ?? "", other ?? ""]);
    for (const { code, book } of [twice, inTwo]) {
      expect(await within("the exit code", code)).toBe(2);
      expect(book.lines).toMatchObject([{ level: "error", fields: { code: "TASK_DECLARED_TWICE" } }]);
    }
  });

  test("two files that declare the same task are refused by the names of both", async () => {
    const paths = [1, 2].map(() => file('export default new Worker().task("paint", () => {});'));

    const { code, book } = start(paths);

    expect(await within("the exit code", code)).toBe(2);
    const text = book.lines.map(({ message }) => message).join("\n");
    for (const path of paths) expect(text).toContain(path);
    expect(text).toContain('"paint"');
  });

  test("several files are one worker with all their tasks", async () => {
    const { fake, end } = start([
      file('export default new Worker({ workerType: "a", maxConcurrentTasks: 2 }).task("one", () => ({ n: 1 }));'),
      file('export default new Worker({ taskTypeLimits: { two: 1 } }).task("two", () => ({ n: 2 }));'),
    ]);
    await fake.connected();

    expect(await fake.resultOf(fake.sendTask("one"))).toMatchObject({ data: { n: 1 } });
    expect(await fake.resultOf(fake.sendTask("two"))).toMatchObject({ data: { n: 2 } });
    expect(await end()).toBe(0);
    expect(fake.connections).toBe(1);
    expect(fake.frames[0]?.["registration"]).toMatchObject({
      worker_type: "a",
      supported_tasks: ["one", "two"],
      max_concurrent_tasks: 2,
      task_type_limits: { two: 1 },
    });
  });

  test.each([
    ["waits for its run()", "await worker.run();"],
    ["calls run() and goes on", "void worker.run();"],
  ])("a file that %s is run once, as the command line says", async (_, call) => {
    const { fake, end } = start([
      file(`const worker = new Worker().task("one", () => ({ n: 1 }));\nexport default worker;\n${call}`),
      file('export default new Worker().task("two", () => ({ n: 2 }));'),
    ]);
    await fake.connected();

    expect(await fake.resultOf(fake.sendTask("one"))).toMatchObject({ data: { n: 1 } });
    expect(await end()).toBe(0);
    expect(fake.connections).toBe(1);
    expect(fake.frames[0]?.["registration"]).toMatchObject({ supported_tasks: ["one", "two"] });
  });

  test("the file's own worker object works inside its tasks", async () => {
    const { fake } = start([
      file(`const worker = new Worker();
worker.task("long", async (_, { taskId, jobId }) => {
  await worker.sendProgress({ taskId, jobId, progress: 0.5, message: "half" });
  return { cancelled: await worker.checkForCancellation(taskId) };
});
export default worker;`),
    ]);
    await fake.connected();

    expect(await fake.resultOf(fake.sendTask("long"))).toMatchObject({ data: { cancelled: false } });
    expect(fake.frames.find(({ type }) => type === "progress")).toMatchObject({ progress: 0.5, message: "half" });
  });

  test("a wrong setting is exit code 2, a refused token 4, no orchestrator 3", async () => {
    const path = file('export default new Worker().task("one", () => {});');
    const answers: Array<[number, number]> = [
      [401, 4],
      [404, 3],
    ];
    for (const [status, expected] of answers) {
      const server = Bun.serve({ port: 0, fetch: () => Response.json({ error: "no" }, { status }) });
      open.push(server);
      const { code } = start([path], { ORCHESTRATOR_URL: server.url.href });
      expect(await within("the exit code", code)).toBe(expected);
    }

    expect(await within("the exit code", start([path], { HEARTBEAT_INTERVAL: "often" }).code)).toBe(2);
  });

  test("a file that calls run() when it has long been loaded is not run twice", async () => {
    const { fake } = start([
      file(`const worker = new Worker().task("one", () => { void worker.run(); return { n: 1 }; });
export default worker;`),
    ]);
    await fake.connected();
    await fake.resultOf(fake.sendTask("one"));

    expect(await fake.resultOf(fake.sendTask("one"))).toMatchObject({ data: { n: 1 } });
    expect(fake.connections).toBe(1);
  });
});

describe("a worker as a process", () => {
  const environment = (fake: FakeOrchestrator) => ({
    PATH: process.env["PATH"] ?? "",
    ORCHESTRATOR_URL: fake.url,
    WORKER_ID: "w1",
    WORKER_DATA_DIR: join(folder, "kept"),
    WORKER_TOKEN: "t",
  });

  function spawn(name: string, source: string) {
    const fake = new FakeOrchestrator().start();
    const path = join(folder, name);
    writeFileSync(path, source);
    const argv = [process.execPath, "--no-install", path];
    const program = Bun.spawn(argv, { env: environment(fake), stdout: "pipe", stderr: "pipe" });
    open.push(fake, { stop: async () => program.kill(9) });
    const messages = async () => {
      const lines = (await new Response(program.stderr).text()).trim().split("\n");
      return lines.map((line) => (JSON.parse(line) as { message: string }).message);
    };
    return { fake, program, messages };
  }

  test("a file that calls run() runs, and ends with code 0 on SIGTERM after its task", async () => {
    const sdk = JSON.stringify(join(import.meta.dir, "../../worker/index.ts"));
    const { fake, program, messages } = spawn(
      "program.ts",
      `import { Worker } from ${sdk};
const worker = new Worker();
worker.task("slow", async ({ ms }) => { await Bun.sleep(ms); return { ok: true }; });
await worker.run();
console.log("after run");`,
    );
    await fake.connected();
    const id = fake.sendTask("slow", { ms: 200 });
    await fake.frame("the task in a heartbeat", (frame) => `${frame["current_tasks"]}`.includes(id));

    program.kill("SIGTERM");

    expect(await fake.resultOf(id)).toMatchObject({ status: "success" });
    expect(await within("the program's end", program.exited)).toBe(0);
    expect(await new Response(program.stdout).text()).toBe("after run\n");
    expect(await messages()).toContain("worker stopped");
  });

  test.each([
    ["a blueprint file", 'import { Blueprint } from "orchestrator";\nexport default new Blueprint({ name: "b" });'],
    ["a worker that takes its Worker from the wrong module", 'import { Worker } from "orchestrator";\nnew Worker();'],
    ["a worker whose library takes the wrong module", 'import "./library.ts";'],
  ])("%s ends it with exit code 2 and the name of the right module", async (_, source) => {
    const main = JSON.stringify(join(import.meta.dir, "../../worker/main.ts"));
    writeFileSync(join(folder, "library.ts"), 'import { Worker } from "orchestrator";\nnew Worker();');
    const given = join(folder, "given.ts");
    writeFileSync(given, source);
    const { program, messages } = spawn(
      "host.ts",
      `import { refuseBlueprintModule, registerWorkerModule, runWorkerFiles } from ${main};
registerWorkerModule();
refuseBlueprintModule();
process.exit(await runWorkerFiles([${JSON.stringify(given)}]));`,
    );

    expect(await within("the program's end", program.exited)).toBe(2);
    expect(await messages()).toEqual([
      expect.stringContaining(
        `The worker file ${given} cannot be loaded: it, or a file that it imports, imports from "orchestrator", the module of blueprint files. A worker takes Worker and the rest from "orchestrator/worker"; a blueprint file is given to \`orchestrator run\`, \`check\` or \`serve --blueprints\`.`,
      ),
    ]);
  });

  test("a promise that nobody waits for ends no other task", async () => {
    const main = JSON.stringify(join(import.meta.dir, "../../worker/main.ts"));
    const worker = file(`export default new Worker()
  .task("careless", () => { void Promise.reject(new Error("forgotten")); })
  .task("other", () => ({ ok: true }));`);
    const { fake, program, messages } = spawn(
      "host.ts",
      `import { registerWorkerModule, runWorkerFiles } from ${main};
registerWorkerModule();
process.exit(await runWorkerFiles([${JSON.stringify(worker)}]));`,
    );
    await fake.connected();
    await fake.resultOf(fake.sendTask("careless"));

    expect(await fake.resultOf(fake.sendTask("other"))).toMatchObject({ data: { ok: true } });
    program.kill("SIGINT");
    expect(await within("the program's end", program.exited)).toBe(0);
    expect((await messages()).join("\n")).toContain("no handler waited for it");
  });
});
