/** The embedded store on real files: what goes wrong when it is opened, and what is said about it. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { idOf, refusalOf, sampleJob, unitOf, writeOf } from "../sample.ts";
import { openStore, temporaryFolder } from "./open.ts";

const CHILD = join(import.meta.dir, "writer-child.ts");
const NOBODY = "65534";

let folder: string;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder, "store.db");
});
afterEach(() => {
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true, force: true });
});

async function fillStore(jobs = 50): Promise<void> {
  const store = await openStore(folder);
  const initialData = JSON.stringify("x".repeat(2000));
  await store.journal.commit({
    jobs: Array.from({ length: jobs }, (_, n) => writeOf(sampleJob(idOf(n + 1), { initialData }))),
  });
  await store.close();
}

describe("a data folder", () => {
  test("is made where it is missing, for its owner alone", async () => {
    const deep = join(folder, "a", "b");
    const store = await openStore(deep);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    await store.close();
  });

  test("is held by one store at a time, and the second is told by whom", async () => {
    const store = await openStore(folder);
    const refusal = await refusalOf(openStore(folder));
    expect(refusal.code).toBe("DATA_FOLDER_LOCKED");
    expect(refusal.message).toContain(`process ${process.pid}`);
    expect(refusal.details).toMatchObject({ pid: process.pid });
    // The refused one must not have taken the lock from the first.
    expect((await refusalOf(openStore(folder))).code).toBe("DATA_FOLDER_LOCKED");
    await store.close();
    await (await openStore(folder)).close();
  });

  test("that another process holds is refused with that process's id, and free after it was killed", async () => {
    const child = Bun.spawn([process.execPath, CHILD, folder], { stdout: "pipe" });
    await firstLines(child.stdout, 1);
    const refusal = await refusalOf(openStore(folder));
    expect([refusal.code, refusal.details]).toMatchObject(["DATA_FOLDER_LOCKED", { pid: child.pid }]);
    child.kill("SIGKILL");
    await child.exited;
    await (await openStore(folder)).close();
  });

  test("is released when it cannot be opened", async () => {
    writeFileSync(file, "this is no database, but it is long enough to have a header");
    for (let count = 0; count < 2; count++) expect((await refusalOf(openStore(folder))).code).toBe("DATABASE_CORRUPT");
  });

  test("that cannot be written is refused", async () => {
    chmodSync(folder, 0o500);
    const asRoot = process.getuid?.() === 0;
    const child = Bun.spawn([process.execPath, CHILD, folder, ...(asRoot ? [NOBODY] : [])], { stdout: "pipe" });
    const [line = ""] = await firstLines(child.stdout, 1);
    await child.exited;
    expect(JSON.parse(line).code).toBe("DATA_FOLDER_READ_ONLY");
    expect(existsSync(file)).toBe(false);
  });

  test("whose path leads through a file is refused", async () => {
    writeFileSync(join(folder, "plain"), "");
    const refusal = await refusalOf(openStore(join(folder, "plain", "data")));
    expect(refusal.code).toBe("DATA_FOLDER_READ_ONLY");
    expect(refusal.message).toContain("choose another data folder");
  });

  test("of a newer version is left alone, and that version is named", async () => {
    await fillStore();
    const newer = new Database(file);
    newer.run("INSERT INTO migrations VALUES (99, 'later', '7.8.9', 0)");
    newer.run("PRAGMA user_version = 99");
    newer.close(true);
    const before = readFileSync(file);
    const refusal = await refusalOf(openStore(folder));
    expect([refusal.code, refusal.message]).toEqual(["DATA_FOLDER_NEWER", expect.stringContaining("version 7.8.9")]);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("of a much newer version without that list is still called newer", async () => {
    const newer = new Database(file, { create: true });
    newer.run("PRAGMA user_version = 99");
    newer.close(true);
    expect((await refusalOf(openStore(folder))).code).toBe("DATA_FOLDER_NEWER");
  });

  test("whose first start was interrupted is begun again", async () => {
    writeFileSync(`${file}.new`, "half");
    await (await openStore(folder)).close();
    expect(existsSync(`${file}.new`)).toBe(false);
  });
});

describe("a damaged database is refused and not touched:", () => {
  const damages: [name: string, damage: () => void][] = [
    ["cut off in the middle", () => truncateSync(file, 8192 * 5 + 100)],
    ["cut off at a page", () => truncateSync(file, 8192 * 5)],
    ["cut off in its header", () => truncateSync(file, 10)],
    ["empty", () => truncateSync(file, 0)],
    ["garbage", () => writeFileSync(file, "garbage ".repeat(5000))],
    ["overwritten after its header", () => overwrite(100, 8192 - 100)],
    ["overwritten in its middle", () => overwrite(8192 * 9, 8192 * 2)],
    ["another program's", () => otherProgram()],
  ];
  for (const [name, damage] of damages) {
    test(name, async () => {
      await fillStore();
      damage();
      const before = readFileSync(file);
      const refusal = await refusalOf(openStore(folder));
      expect(refusal.code).toBe("DATABASE_CORRUPT");
      expect(refusal.message).toContain(file);
      expect(refusal.message).toContain("backup");
      expect(readFileSync(file).equals(before)).toBe(true);
    });
  }

  test("missing, with its log left behind", async () => {
    const child = Bun.spawn([process.execPath, CHILD, folder], { stdout: "pipe" });
    await firstLines(child.stdout, 20);
    child.kill("SIGKILL");
    await child.exited;
    renameSync(file, join(folder, "moved.db"));
    expect((await refusalOf(openStore(folder))).code).toBe("DATABASE_CORRUPT");
    expect(existsSync(file)).toBe(false);
  });

  function overwrite(from: number, bytes: number): void {
    const content = readFileSync(file);
    content.fill(0xa5, from, from + bytes);
    writeFileSync(file, content);
  }

  function otherProgram(): void {
    rmSync(file);
    const database = new Database(file, { create: true });
    database.run("CREATE TABLE notes (text TEXT)");
    database.close(true);
  }
});

describe("a killed process", () => {
  test("has stored everything that it acknowledged", async () => {
    for (const lines of [1, 100, 1000]) {
      const place = join(folder, String(lines));
      mkdirSync(place);
      const child = Bun.spawn([process.execPath, CHILD, place], { stdout: "pipe" });
      const acknowledged = await firstLines(child.stdout, lines, () => child.kill("SIGKILL"));
      await child.exited;

      const store = await openStore(place);
      for (const line of acknowledged) {
        const [id = "", version = ""] = line.split(" ");
        const job = await store.jobs.load(id);
        expect(job?.version ?? 0).toBeGreaterThanOrEqual(Number(version));
        expect((await store.jobs.events(id, 0, 10)).length).toBe(job?.version ?? -1);
      }
      const counts = await store.jobs.countByStatus();
      const all = await store.jobs.list({ limit: 1_000_000 });
      expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(all.length);
      await store.close();
    }
  }, 30_000);

  test("after a restart nothing is left in the log before the first answer", async () => {
    const child = Bun.spawn([process.execPath, CHILD, folder], { stdout: "pipe" });
    await firstLines(child.stdout, 100, () => child.kill("SIGKILL"));
    await child.exited;
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
    const store = await openStore(folder);
    expect(statSync(`${file}-wal`).size).toBe(0);
    await store.close();
  });
});

test("a read after the disk has failed is refused, and the process is told once to end", async () => {
  const fatal: unknown[] = [];
  const store = await openStore(folder, { onFatal: (error) => void fatal.push(error) });
  await store.journal.commit(unitOf(sampleJob(idOf(1))));
  // Tearing the table out from under the prepared statements stands for a disk that answers nonsense.
  const other = new Database(file);
  other.run("DROP TABLE jobs");
  other.close(true);
  expect((await refusalOf(store.journal.commit(unitOf(sampleJob(idOf(2)))))).code).toBe("OUTCOME_UNKNOWN");
  expect((await refusalOf(store.jobs.load(idOf(1)))).code).toBe("OUTCOME_UNKNOWN");
  expect((await refusalOf(store.registers.nextEpoch())).code).toBe("OUTCOME_UNKNOWN");
  expect((await refusalOf(store.journal.commit(unitOf(sampleJob(idOf(2)))))).code).toBe("OUTCOME_UNKNOWN");
  expect(fatal.length).toBe(1);
  await store.close();
});

test("a broken lock is fatal: another writer in the database means OUTCOME_UNKNOWN", async () => {
  const fatal: unknown[] = [];
  const store = await openStore(folder, { onFatal: (error) => void fatal.push(error) });
  const intruder = new Database(file);
  intruder.run("BEGIN IMMEDIATE");
  expect((await refusalOf(store.journal.commit(unitOf(sampleJob(idOf(1)))))).code).toBe("OUTCOME_UNKNOWN");
  expect(fatal.length).toBe(1);
  intruder.run("ROLLBACK");
  intruder.close(true);
  await store.close();
});

/** Reads lines until there are enough, or the process has ended; then what had already been written. */
async function firstLines(output: ReadableStream<Uint8Array>, count: number, enough?: () => void): Promise<string[]> {
  let text = "";
  let told = false;
  const decoder = new TextDecoder();
  const reader = output.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    text += decoder.decode(value, { stream: true });
    const lines = text.split("\n").slice(0, -1);
    if (done) return lines;
    if (lines.length < count) continue;
    if (!enough) {
      reader.releaseLock();
      return lines;
    }
    if (!told) enough();
    told = true;
  }
}
