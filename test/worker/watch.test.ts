import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, type LogLine } from "../../src/system/log.ts";
import { type Look, lookAt, stampOf } from "../../worker/watch/look.ts";
import { superviseWorker, type WatchedWorker } from "../../worker/watch/supervise.ts";
import { FakeTimers } from "./support/fake-timers.ts";

class FakeWorker implements WatchedWorker {
  readonly #ended = Promise.withResolvers<number | undefined>();
  readonly ended = this.#ended.promise;
  stops = 0;

  stop(): void {
    this.stops += 1;
  }

  kill(): void {
    this.end();
  }

  end(exitCode?: number): void {
    this.#ended.resolve(exitCode);
  }
}

const settle = () => Bun.sleep(0);

function setUp() {
  const timers = new FakeTimers();
  const lines: LogLine[] = [];
  const workers: FakeWorker[] = [];
  const stop = new AbortController();
  let stamp = "1";
  let look: Look = { hash: "a", problem: undefined, inputs: ["/w.ts"] };
  const start = () => {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker;
  };
  const code = superviseWorker({
    system: { timers, log: createLog((line) => lines.push(line)) },
    look: async () => look,
    stamp: () => stamp,
    start,
    stop: stop.signal,
    endMs: 45_000,
  });
  const save = async (hash: string | undefined, problem?: string) => {
    await settle();
    stamp += "x";
    look = { hash, problem, inputs: ["/w.ts"] };
    timers.pass(300);
    await settle();
  };
  const worker = (number: number) => {
    const found = workers[number - 1];
    if (!found) throw new Error(`there are ${workers.length} workers`);
    return found;
  };
  return { timers, lines, workers, worker, stop, code, save };
}

describe("a watched worker", () => {
  test("is drained when its files say something else, and only then started anew", async () => {
    const { workers, worker, save } = setUp();
    await save("b");
    expect([workers.length, worker(1).stops]).toEqual([1, 1]);

    worker(1).end(0);
    await settle();
    expect([workers.length, worker(2).stops]).toEqual([2, 0]);
  });

  test("goes on when a file was saved and says the same, or cannot be read", async () => {
    const { workers, worker, save, lines } = setUp();
    await save("a");
    await save(undefined, "/w.ts:3:1: Unexpected }");
    await save("a");

    expect([workers.length, worker(1).stops]).toEqual([1, 0]);
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ["error", "the worker files cannot be read, the version before goes on: /w.ts:3:1: Unexpected }"],
    ]);
  });

  test("that ended with its file's mistake starts again with the next change, whatever it is", async () => {
    const { workers, worker, save, lines } = setUp();
    await settle();
    worker(1).end(2);
    await settle();
    expect(lines.map(({ message }) => message)).toEqual([
      "the worker has ended; it starts again when one of its files changes",
    ]);

    await save("a");
    expect(workers).toHaveLength(2);
  });

  test.each([
    [3, "no server"],
    [4, "a token that is refused"],
    [0, "somebody who stopped it"],
  ])("that ended with exit code %d (%s) ends the watch", async (exitCode) => {
    const { worker, code } = setUp();
    await settle();
    worker(1).end(exitCode);

    expect(await code).toBe(exitCode);
  });

  test("is drained at the end, and its exit code is the watch's", async () => {
    const { worker, code, stop } = setUp();
    await settle();
    stop.abort();
    expect(worker(1).stops).toBe(1);
    worker(1).end(0);

    expect(await code).toBe(0);
  });

  test.each([
    ["before the new one begins", false],
    ["at the end", true],
  ])("that does not end in time is killed: %s", async (_, isEnd) => {
    const { timers, workers, code, stop, save, lines } = setUp();
    await settle();
    if (isEnd) stop.abort();
    else await save("b");
    timers.pass(44_000);
    await settle();
    expect([workers.length, lines.filter(({ level }) => level === "warn")]).toEqual([1, []]);
    timers.pass(1_000);
    await settle();

    expect(lines.at(-1)?.message).toStartWith("the worker has not ended in time and is killed");
    if (isEnd) expect(await code).toBe(1);
    else expect(workers).toHaveLength(2);
  });

  test("is not started anew when the end comes while it drains", async () => {
    const { workers, worker, code, stop, save } = setUp();
    await save("b");
    stop.abort();
    worker(1).end(0);

    expect(await code).toBe(0);
    expect(workers).toHaveLength(1);
  });
});

describe("looking at worker files", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "watch-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  test("what is imported counts, comments and packages do not", async () => {
    const file = write(
      "w.ts",
      'import { Worker } from "orchestrator/worker";\nimport { x } from "./lib.ts";\nexport default new Worker().task("a", () => x);',
    );
    const library = write("lib.ts", "export const x = { n: 1 };");
    const before = await lookAt([file]);
    write("w.ts", `// said\n${await Bun.file(file).text()}`);
    const same = await lookAt([file]);
    write("lib.ts", "export const x = { n: 2 };");
    const other = await lookAt([file]);

    expect(before.inputs.toSorted()).toEqual([library, file].toSorted());
    expect(same.hash).toBe(before.hash);
    expect(other.hash).not.toBe(before.hash);
  });

  test("a mistake is named with file and line", async () => {
    const file = write("w.ts", "export default {{{");
    const missing = write("v.ts", 'import "./nowhere.ts";');

    expect((await lookAt([file])).problem).toMatch(/w\.ts:1:\d+: /);
    expect((await lookAt([missing])).problem).toContain("nowhere.ts");
    expect((await lookAt([join(folder, "none.ts")])).problem).toContain("none.ts");
  });

  test("the stamp changes when a file is written, replaced, removed, or a new one comes beside it", () => {
    const file = write("w.ts", "1");
    const stamps = [stampOf([file])];
    const next = () => stamps.push(stampOf([file]));
    utimesSync(file, 1, 1);
    next();
    write("new.ts", "1");
    renameSync(join(folder, "new.ts"), file);
    next();
    write("other.ts", "1");
    utimesSync(folder, 5, 5);
    next();
    rmSync(file);
    next();

    expect(new Set(stamps).size).toBe(stamps.length);
    expect(stampOf([file])).toBe(stampOf([file]));
  });
});
