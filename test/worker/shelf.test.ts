import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  fstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createLog, type LogLine } from "../../src/system/log.ts";
import { Shelf, type ShelfOptions } from "../../worker/shelf.ts";
import { FakeTimers } from "./support/fake-timers.ts";

const DAY_MS = 24 * 3600 * 1000;
const HOLDER = join(import.meta.dir, "support", "shelf-holder.ts");

let folder = "";
let lines: LogLine[] = [];
let nowMs = 0;
let due: Array<() => void> = [];
let timers = new FakeTimers();
let shelves = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shelf-"));
  lines = [];
  nowMs = 1_000_000;
  due = [];
  timers = new FakeTimers();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(more: Partial<ShelfOptions> = {}): Shelf {
  const system = {
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    ids: { unique: () => `id-${++shelves}`, job: () => "" },
    log: createLog((line) => lines.push(line), "debug"),
    scheduler: { soon: (run: () => void) => void due.push(run), afterInput: (run: () => void) => void due.push(run) },
    timers,
  };
  return new Shelf({ folder, workerId: "w/1", system, ...more });
}

/** What it wrote stays, and nobody holds it any more: as after a kill. */
function kill(shelf: Shelf): void {
  renameSync(shelf.path, shelf.path.replace(/id-(\d+)/, "killed-$1"));
}

const resultsIn = (path: string) => readdirSync(path).filter((name) => name.endsWith(".results"));
const bodiesOf = (shelf: Shelf, origin = "http://a") => shelf.of(origin).map(({ taskId, body }) => [taskId, body]);

describe("results on disk", () => {
  test("what was written and not settled is there for the next process, for its orchestrator alone", () => {
    const shelf = open();
    shelf.put("http://a", "j1", "t1", '{"n":1}');
    shelf.put("http://b", "j2", "t2", '{"n":2}');
    shelf.put("http://a", "j3", "t3", '{"n":3}');
    shelf.drop("t1");
    shelf.flush();

    kill(shelf);

    const next = open();
    expect(bodiesOf(next)).toEqual([["t3", '{"n":3}']]);
    expect(bodiesOf(next, "http://b")).toEqual([["t2", '{"n":2}']]);
    expect(resultsIn(folder)).toEqual([basename(next.path)]);
  });

  test("what belongs to a process that lives is left alone, whatever its id; once it is killed, it is ours", async () => {
    const other = Bun.spawn([process.execPath, "run", HOLDER, folder], { stdout: "pipe" });
    try {
      await other.stdout.getReader().read();
      // The results, and the lock.
      expect(readdirSync(folder)).toHaveLength(2);
      const early = open();
      expect(early.size).toBe(0);
      early.close();
      other.kill("SIGKILL");
      await other.exited;

      const late = open();
      expect(bodiesOf(late)).toEqual([["t", "{}"]]);
      late.drop("t");
      late.close();
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      other.kill("SIGKILL");
    }
  }, 20_000);

  test("of two that share a folder, one that ends takes nothing from the other", () => {
    const one = open();
    const other = open();
    other.put("http://a", "j", "t", "{}");
    other.flush();
    one.close();
    expect(bodiesOf(open())).toEqual([]);
    other.close();

    expect(bodiesOf(open())).toEqual([["t", "{}"]]);
  });

  test("what belongs to a worker of another name is left alone", () => {
    const other = open({ workerId: "w/1.20" });
    other.put("http://a", "j", "t2", "{}");
    other.close();

    expect(open().size).toBe(0);
    expect(open({ workerId: "w/1.20" }).size).toBe(1);
  });

  test("a line that was cut off costs itself alone", () => {
    const shelf = open();
    shelf.put("http://a", "j", "t", "{}");
    shelf.flush();
    appendFileSync(shelf.path, '{"origin":"http://a","job":"j","ta');
    kill(shelf);

    expect(bodiesOf(open())).toEqual([["t", "{}"]]);
  });

  test("once all is settled the file is empty, and at the end it is gone", () => {
    const shelf = open();
    shelf.put("http://a", "j", "t", "{}");
    shelf.flush();
    shelf.drop("t");
    for (const run of due) run();

    expect(statSync(shelf.path).size).toBe(0);
    shelf.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("what comes after all was settled is there for the next process like what came before", () => {
    const shelf = open();
    shelf.put("http://a", "j1", "t1", '{"n":1}');
    shelf.flush();
    shelf.drop("t1");
    shelf.flush();
    shelf.put("http://a", "j2", "t2", '{"n":2}');
    shelf.flush();

    kill(shelf);

    expect(bodiesOf(open())).toEqual([["t2", '{"n":2}']]);
  });

  test("a file that grew is written anew with what is kept alone", () => {
    const shelf = open();
    shelf.put("http://a", "j", "kept", "{}");
    const body = JSON.stringify({ text: "x".repeat(1024 * 1024) });
    for (let number = 0; number < 20; number++) {
      shelf.put("http://a", "j", `t${number}`, body);
      shelf.drop(`t${number}`);
      shelf.flush();
    }

    expect(statSync(shelf.path).size).toBeLessThan(10 * 1024 * 1024);
    kill(shelf);
    expect(bodiesOf(open())).toEqual([["kept", "{}"]]);
  });

  test("it is bounded: what comes beyond is not kept, and that is said once", () => {
    const shelf = open({ charsMax: 100 });
    shelf.put("http://a", "j", "t1", "x".repeat(90));
    shelf.put("http://a", "j", "t2", "x".repeat(20));
    shelf.put("http://a", "j", "t3", "x".repeat(20));

    expect(shelf.size).toBe(1);
    expect(lines.filter(({ level }) => level === "warn")).toHaveLength(1);
  });

  test("a result that nobody wanted for more than a week is dropped with a line in the log", () => {
    const shelf = open();
    shelf.put("http://a", "j", "old", "{}");
    nowMs += 4 * DAY_MS;
    shelf.put("http://a", "j", "young", "{}");
    shelf.flush();
    nowMs += 4 * DAY_MS;
    kill(shelf);

    expect(bodiesOf(open()).map(([id]) => id)).toEqual(["young"]);
    expect(lines.at(-1)).toMatchObject({ level: "warn", fields: { task_id: "old" } });
  });

  test("only its user can read it", () => {
    const path = join(folder, "deep", "er");
    const shelf = open({ folder: path });
    shelf.put("http://a", "j", "t", "{}");
    shelf.flush();

    expect(statSync(shelf.path).mode & 0o777).toBe(0o600);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readFileSync(shelf.path, "utf8")).not.toContain("token");
  });

  test("a folder that cannot be made is refused at the start", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => open({ folder: join(folder, "file") })).toThrow();
  });
});

/** All that is ready has run. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("what a loss of power would cost", () => {
  function counting(fail?: Error) {
    const ends: PromiseWithResolvers<void>[] = [];
    const sync = async (file: number) => {
      if (fail) throw fail;
      const end = Promise.withResolvers<void>();
      ends.push(end);
      const { ino } = fstatSync(file);
      await end.promise;
      // Closed too early, the number could be another file's by now.
      expect(fstatSync(file).ino).toBe(ino);
    };
    return { sync, ends };
  }
  const put = (shelf: Shelf, id: string) => {
    shelf.put("http://a", "j", id, "{}");
    shelf.flush();
  };

  test("nothing is synced for results that are acknowledged soon", () => {
    const { sync, ends } = counting();
    const shelf = open({ sync });
    for (let number = 0; number < 100; number++) {
      put(shelf, `t${number}`);
      shelf.drop(`t${number}`);
      shelf.flush();
      timers.pass(150);
    }
    expect(ends).toEqual([]);
  });

  test("those that are not are synced soon, many at once, and one sync at a time", async () => {
    const { sync, ends } = counting();
    const shelf = open({ sync });
    for (let number = 0; number < 100; number++) put(shelf, `t${number}`);
    timers.pass(250);
    expect(ends).toHaveLength(1);

    put(shelf, "late");
    timers.pass(1000);
    expect(ends).toHaveLength(1);
    ends[0]?.resolve();
    await turn();
    timers.pass(250);
    expect(ends).toHaveLength(2);
    ends[1]?.resolve();
    await turn();
    timers.pass(10_000);
    expect(ends).toHaveLength(2);
  });

  test("a file that is written anew, or closed, while it is synced costs nothing", async () => {
    const { sync, ends } = counting();
    const shelf = open({ sync });
    put(shelf, "kept");
    timers.pass(250);
    const body = JSON.stringify({ text: "x".repeat(9 * 1024 * 1024) });
    shelf.put("http://a", "j", "large", body);
    shelf.drop("large");
    shelf.flush();
    ends[0]?.resolve();
    await turn();
    put(shelf, "after");
    timers.pass(250);
    expect(ends).toHaveLength(2);
    shelf.close();
    ends[1]?.resolve();
    await turn();

    expect(bodiesOf(open())).toEqual([
      ["kept", "{}"],
      ["after", "{}"],
    ]);
  });

  test("a disk that cannot sync is told, and results lie in memory from then on", async () => {
    const { sync } = counting(new Error("EIO: i/o error"));
    const shelf = open({ sync });
    put(shelf, "t");
    timers.pass(250);
    await turn();

    expect(lines).toMatchObject([{ level: "error", fields: { reason: "EIO: i/o error" } }]);
    put(shelf, "more");
    timers.pass(10_000);
    expect(lines).toHaveLength(1);
  });
});
