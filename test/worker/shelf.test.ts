import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, type LogLine } from "../../src/system/log.ts";
import { Shelf, type ShelfOptions } from "../../worker/shelf.ts";

const DAY_MS = 24 * 3600 * 1000;

let folder = "";
let lines: LogLine[] = [];
let nowMs = 0;
let due: Array<() => void> = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shelf-"));
  lines = [];
  nowMs = 1_000_000;
  due = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(more: Partial<ShelfOptions> = {}): Shelf {
  const system = {
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    log: createLog((line) => lines.push(line), "debug"),
    scheduler: { soon: (run: () => void) => void due.push(run), afterInput: (run: () => void) => void due.push(run) },
  };
  return new Shelf({ folder, workerId: "w/1", system, pid: 10, isAlive: () => false, ...more });
}

const bodiesOf = (shelf: Shelf, origin = "http://a") => shelf.of(origin).map(({ taskId, body }) => [taskId, body]);

describe("results on disk", () => {
  test("what was written and not settled is there for the next process, for its orchestrator alone", () => {
    const shelf = open();
    shelf.put("http://a", "j1", "t1", '{"n":1}');
    shelf.put("http://b", "j2", "t2", '{"n":2}');
    shelf.put("http://a", "j3", "t3", '{"n":3}');
    shelf.drop("t1");
    shelf.flush();

    const next = open({ pid: 11 });
    expect(bodiesOf(next)).toEqual([["t3", '{"n":3}']]);
    expect(bodiesOf(next, "http://b")).toEqual([["t2", '{"n":2}']]);
    expect(readdirSync(folder)).toEqual(["w%2F1.11.results"]);
  });

  test("in a container, where each start has the same process id, it is there as well", () => {
    const shelf = open({ pid: 1, isAlive: () => true });
    shelf.put("http://a", "j", "t", "{}");
    shelf.flush();

    expect(bodiesOf(open({ pid: 1, isAlive: () => true }))).toEqual([["t", "{}"]]);
  });

  test("of two containers on one volume the one that ends takes nothing from the other", () => {
    const one = open({ pid: 1, isAlive: () => true });
    const other = open({ pid: 1, isAlive: () => true });
    other.put("http://a", "j", "t", "{}");
    other.flush();
    one.close();

    expect(bodiesOf(open({ pid: 1, isAlive: () => true }))).toEqual([["t", "{}"]]);
  });

  test("what belongs to a process that lives, or to a worker of another name, is left alone", () => {
    open({ pid: 20 }).put("http://a", "j", "t", "{}");
    const other = open({ workerId: "w/1.20", pid: 21 });
    other.put("http://a", "j", "t2", "{}");
    other.flush();

    const shelf = open({ pid: 22, isAlive: (pid) => pid === 20 });
    expect(shelf.size).toBe(0);
    expect(readdirSync(folder)).toHaveLength(3);
  });

  test("a line that was cut off costs itself alone", () => {
    const shelf = open();
    shelf.put("http://a", "j", "t", "{}");
    shelf.flush();
    appendFileSync(shelf.path, '{"origin":"http://a","job":"j","ta');

    expect(bodiesOf(open({ pid: 11 }))).toEqual([["t", "{}"]]);
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
    expect(bodiesOf(open({ pid: 11 }))).toEqual([["kept", "{}"]]);
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

    expect(bodiesOf(open({ pid: 11 })).map(([id]) => id)).toEqual(["young"]);
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
