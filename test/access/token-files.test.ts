import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAccess } from "../../src/access/access.ts";
import { createTokenFiles } from "../../src/access/token-files.ts";
import { hashOf } from "../../src/access/tokens.ts";
import { capturedLog } from "../support/captured-log.ts";
import { ManualTime } from "../support/manual-time.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const worker = (id: string, token: string) => `["${id}"]\ntoken = "${token}"\n`;

function createWorld(
  files: { readonly clients?: string; readonly workers?: string },
  usual: readonly ("clients" | "workers")[] = [],
) {
  const folder = mkdtempSync(join(tmpdir(), "orchestrator-tokens-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const time = new ManualTime();
  const { log, lines } = capturedLog();
  const access = createAccess({ client: hashOf("c"), worker: hashOf("w"), operator: hashOf("o") });
  const paths = { clients: join(folder, "clients.toml"), workers: join(folder, "workers.toml") };
  for (const kind of ["clients", "workers"] as const) if (files[kind]) writeFileSync(paths[kind], files[kind]);
  const kept = {
    clients: files.clients === undefined && !usual.includes("clients") ? undefined : paths.clients,
    workers: files.workers === undefined && !usual.includes("workers") ? undefined : paths.workers,
  };
  const tokenFiles = createTokenFiles({ paths: kept, usual, access, system: { timers: time, log } });
  cleanups.push(() => tokenFiles.stop());
  const looksLike = (token: string, id: string) => typeof access.worker(token, id) !== "string";
  /** Time goes on, until it holds. What is read is waited for: the next look is then on the clock. */
  const within = async (ms: number, holds: () => boolean) => {
    for (let passed = 0; passed < ms && !holds(); passed += 50) {
      time.advance(50);
      while (time.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return holds();
  };
  return { paths, access, tokenFiles, lines, looksLike, within };
}

describe("the files of tokens", () => {
  test("a token that is taken out or changed counts no more within a second", async () => {
    const world = createWorld({ workers: worker("w1", "one") + worker("w2", "two") });
    await world.tokenFiles.start();
    expect([world.looksLike("one", "w1"), world.looksLike("two", "w2")]).toEqual([true, true]);
    let changes = 0;
    world.access.onChange(() => (changes += 1));
    writeFileSync(world.paths.workers, worker("w1", "anew"));
    expect(await world.within(1000, () => world.looksLike("anew", "w1"))).toBe(true);
    expect([world.looksLike("one", "w1"), world.looksLike("two", "w2"), changes]).toEqual([false, false, 1]);
    expect(world.lines.at(-1)).toMatchObject({
      message: "tokens were read again",
      fields: { workers: 1, revoked: ["w1", "w2"] },
    });
    expect(JSON.stringify(world.lines)).not.toMatch(/anew|"one"|"two"/);
  });

  test("a file that another takes the place of is read too", async () => {
    const world = createWorld({ workers: worker("w1", "one") });
    await world.tokenFiles.start();
    writeFileSync(`${world.paths.workers}.new`, worker("w1", "six"));
    renameSync(`${world.paths.workers}.new`, world.paths.workers);
    expect(await world.within(1000, () => world.looksLike("six", "w1"))).toBe(true);
  });

  test("a broken file changes nothing, is said once, and its mended form is taken", async () => {
    const world = createWorld({ workers: worker("w1", "one") });
    await world.tokenFiles.start();
    writeFileSync(world.paths.workers, "[w1]\n");
    const said = () => world.lines.filter(({ level }) => level === "error");
    expect(await world.within(1000, () => said().length > 0)).toBe(true);
    expect(await world.within(3000, () => said().length > 1)).toBe(false);
    expect(said()[0]?.fields).toMatchObject({ reason: expect.stringContaining("[w1] token is missing") });
    expect(world.looksLike("one", "w1")).toBe(true);
    rmSync(world.paths.workers);
    expect(await world.within(1000, () => said().length > 1)).toBe(true);
    expect(world.looksLike("one", "w1")).toBe(true);
    writeFileSync(world.paths.workers, worker("w1", "two"));
    expect(await world.within(1000, () => world.looksLike("two", "w1"))).toBe(true);
  });

  test("one that nobody named is taken when it comes, by itself or when it is asked for, and has to stay then", async () => {
    const world = createWorld({}, ["clients", "workers"]);
    await world.tokenFiles.start();
    expect(await world.within(2000, () => world.lines.length > 0)).toBe(false);
    expect([world.tokenFiles.has("clients"), world.looksLike("w", "anybody")]).toEqual([false, true]);

    writeFileSync(world.paths.workers, worker("w1", "one"));
    expect(await world.within(1000, () => world.looksLike("one", "w1"))).toBe(true);
    expect(world.looksLike("w", "anybody")).toBe(false);
    writeFileSync(world.paths.clients, '[a]\ntoken = "A"');
    expect(world.tokenFiles.has("clients")).toBe(true);
    await world.tokenFiles.reload();
    expect(world.access.client("A")?.viewer).toBe("a");
    expect(world.lines.map(({ message }) => message)).toEqual([
      "tokens were read",
      "tokens were read",
      "tokens were read again",
    ]);

    rmSync(world.paths.clients);
    await expect(world.tokenFiles.reload()).rejects.toThrow("the file does not exist");
    expect(world.access.client("A")?.viewer).toBe("a");
  });

  test("one that comes broken locks nobody out, and is said once", async () => {
    const world = createWorld({}, ["workers"]);
    await world.tokenFiles.start();
    writeFileSync(world.paths.workers, "[w1");
    expect(await world.within(1000, () => world.lines.length > 0)).toBe(true);
    expect(await world.within(2000, () => world.lines.length > 1)).toBe(false);
    expect(world.lines).toMatchObject([{ level: "error", fields: { reason: expect.stringContaining("line 1") } }]);
    expect(world.looksLike("w", "anybody")).toBe(true);
  });

  test("asked to read again, both are taken or none", async () => {
    const world = createWorld({ clients: '[a]\ntoken = "A"', workers: worker("w1", "one") });
    await world.tokenFiles.start();
    writeFileSync(world.paths.clients, '[a]\ntoken = "B"');
    writeFileSync(world.paths.workers, "[w1");
    await expect(world.tokenFiles.reload()).rejects.toMatchObject({ code: "WORKERS_CONFIG_INVALID", status: 422 });
    expect([world.access.client("A")?.viewer, world.access.client("B")]).toEqual(["a", undefined]);
    await world.tokenFiles.reload(["clients"]);
    expect([world.access.client("A"), world.access.client("B")?.viewer]).toEqual([undefined, "a"]);
  });

  test.each([
    ["is not there", undefined, "the file does not exist: create it"],
    ["is no text", new Uint8Array([0xff, 0xfe, 0x00]), "not in UTF-8"],
  ])("a named file that %s stops the start", async (_, bytes, reason) => {
    const world = createWorld({ clients: "# to be replaced" });
    rmSync(world.paths.clients);
    if (bytes) writeFileSync(world.paths.clients, bytes);
    await expect(world.tokenFiles.start()).rejects.toThrow(reason);
    await expect(world.tokenFiles.start()).rejects.toThrow(world.paths.clients);
  });

  test("without files nothing is read and nobody is locked out", async () => {
    const world = createWorld({});
    await world.tokenFiles.start();
    expect([world.tokenFiles.has("clients"), world.tokenFiles.has("workers")]).toEqual([false, false]);
    expect(world.looksLike("w", "anybody")).toBe(true);
  });
});

describe("a file of workers", () => {
  test("takes from a shared token that was only made what it opened", async () => {
    const world = createWorld({ workers: worker("w1", "one") });
    expect(world.looksLike("w", "w2")).toBe(true);
    await world.tokenFiles.start();
    expect(world.looksLike("w", "w2")).toBe(false);
  });
});
