/** The store of files, on a real server of the S3 kind. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FilesSettings } from "../../src/files/port.ts";
import { openS3Store } from "../../src/files/s3/index.ts";
import { type FileStore, filesBelow } from "../../src/files/store.ts";
import { S3_SDK } from "../../src/threads.ts";
import type { LogLine } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { BUCKET, S3Server } from "../support/s3.ts";

const MIB = 1024 * 1024;
const never = new AbortController().signal;

const s3 = new S3Server();
let folder = "";
let lines: LogLine[] = [];

beforeAll(() => s3.start());
afterAll(() => s3.remove());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "files-"));
  lines = [];
  s3.requests.length = 0;
});
afterEach(() => {
  s3.fault = () => undefined;
  rmSync(folder, { recursive: true, force: true });
});

function openStore(over: Partial<FilesSettings> = {}, patienceMs = 20_000): FileStore {
  const system = createRealSystem({ write: (line) => lines.push(line) });
  return openS3Store({ sdk: S3_SDK, system, settings: { ...s3.settings, ...over }, patienceMs });
}

const at = (key: string, bucket = BUCKET) => ({ bucket, key });
const local = (name: string) => join(folder, name);

/** Each byte says where it lies, so that nothing can be put into the wrong place unseen. */
function content(bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4)).map((_, index) => (index * 2_654_435_761) >>> 0);
  return new Uint8Array(words.buffer, 0, bytes);
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

const hashOf = (bytes: Uint8Array) => Bun.hash(bytes).toString(16);
const hashAt = async (path: string) => hashOf(await Bun.file(path).bytes());
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "nothing was refused",
    (error: { code?: string }) => error.code ?? String(error),
  );

describe("a file", () => {
  test.each([0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 24 * MIB, 30 * MIB + 5])(
    "of %i bytes comes back as it was sent, from a path and from a stream",
    async (bytes) => {
      const store = openStore();
      writeFileSync(local("a"), content(bytes));
      const sent = await store.send(local("a"), at("sizes/a"), never);
      const streamed = await store.write(chunks(content(bytes), 100_003), at("sizes/b"), never);
      expect([sent.size, streamed.size, sent.uri]).toEqual([bytes, bytes, `s3://${BUCKET}/sizes/a`]);

      for (const name of ["a", "b"]) {
        const fetched = await store.fetch(at(`sizes/${name}`), local(`back-${name}`), never);
        expect(fetched.size).toBe(bytes);
        expect(await hashAt(local(`back-${name}`))).toBe(hashOf(content(bytes)));
      }
      expect((await store.facts(at("sizes/a"), never))?.size).toBe(bytes);
      expect(readdirSync(folder).toSorted()).toEqual(["a", "back-a", "back-b"]);
    },
    30_000,
  );

  test("may have any name that S3 takes", async () => {
    const store = openStore();
    const name = "names/a b/ü+&=?#%20 '\"(1).txt";
    await store.write(chunks(content(10), 10), at(name), never);
    await store.fetch(at(name), local("x"), never);
    expect(await hashAt(local("x"))).toBe(hashOf(content(10)));
  });

  test("that is removed is gone, and removing it again is no error", async () => {
    const store = openStore();
    await store.write(chunks(content(10), 10), at("gone/a"), never);
    await store.remove(at("gone/a"), never);
    await store.remove(at("gone/a"), never);
    expect(await store.facts(at("gone/a"), never)).toBeUndefined();
  });

  test("is put and got by links, by somebody without keys", async () => {
    const store = openStore();
    const put = await store.link(at("links/a b.txt"), "PUT", 60);
    expect((await fetch(put, { method: "PUT", body: "by link" })).status).toBe(200);
    const got = await fetch(await store.link(at("links/a b.txt"), "GET", 60));
    expect(await got.text()).toBe("by link");
  });
});

test("a folder is listed page by page, by name, with sizes", async () => {
  const store = openStore();
  for (const name of ["c", "a", "sub/b"]) await store.write(chunks(content(name.length), 9), at(`list/${name}`), never);
  const first = await store.page(at("list/"), undefined, 2, never);
  expect(first.files.map(({ key, size }) => [key, size])).toEqual([
    ["list/a", 1],
    ["list/c", 1],
  ]);
  const second = await store.page(at("list/"), first.next, 2, never);
  expect([second.files.map(({ key }) => key), second.next]).toEqual([["list/sub/b"], undefined]);
  const all = await Array.fromAsync(filesBelow(store, at("list/"), never));
  expect(all).toHaveLength(3);
});

describe("while the store is away", () => {
  test("an upload that stands in the middle goes on when it is back, and only what was lost is sent again", async () => {
    const store = openStore();
    writeFileSync(local("a"), content(40 * MIB));
    let parts = 0;
    const away = Promise.withResolvers<void>();
    s3.fault = (_, method) => {
      if (method === "PUT" && ++parts === 3) away.resolve();
      return undefined;
    };
    const sent = store.send(local("a"), at("away/up"), never);
    await away.promise;
    await s3.stop();
    const told = () => lines.some(({ message }) => message.includes("asked again"));
    while (!told()) await Bun.sleep(5);
    await s3.start();

    expect((await sent).size).toBe(40 * MIB);
    await store.fetch(at("away/up"), local("back"), never);
    expect(await hashAt(local("back"))).toBe(hashOf(content(40 * MIB)));
    expect(s3.requests.filter(({ method }) => method === "POST").length).toBeLessThanOrEqual(3);
  }, 30_000);

  test("a download whose answers are cut off goes on", async () => {
    const store = openStore();
    await store.write(chunks(content(30 * MIB), MIB), at("away/down"), never);
    s3.requests.length = 0;
    s3.fault = (number, method) => (method === "GET" && number % 2 === 0 ? "cut" : undefined);
    await store.fetch(at("away/down"), local("x"), never);
    expect(await hashAt(local("x"))).toBe(hashOf(content(30 * MIB)));
  }, 30_000);

  test("a store that answers 503 is asked again, and one that is never there is named in the end", async () => {
    const store = openStore({}, 1_000);
    s3.fault = (number) => (number < 3 ? 503 : undefined);
    await store.write(chunks(content(5), 5), at("busy"), never);
    s3.fault = () => 503;
    expect(await codeOf(store.facts(at("busy"), never))).toBe("FILES_UNREACHABLE");
    const nobody = openStore({ endpoint: "http://127.0.0.1:1" }, 500);
    const error = await nobody.facts(at("x"), never).catch((found: Error) => found);
    expect(String(error)).toContain("http://127.0.0.1:1");
    expect(String(error)).toContain("S3_ENDPOINT_URL");
  });

  test("an upload that is given up leaves nothing there, and says so where it cannot take its parts away", async () => {
    const store = openStore({}, 300);
    writeFileSync(local("a"), content(40 * MIB));
    const giveUp = async (key: string, abortAnswer: 204 | 503) => {
      let parts = 0;
      s3.requests.length = 0;
      s3.fault = (_, method) => {
        if (method === "DELETE") return abortAnswer;
        return method === "PUT" && ++parts > 2 ? 503 : undefined;
      };
      expect(await codeOf(store.send(local("a"), at(key), never))).toBe("FILES_UNREACHABLE");
      expect(s3.requests.filter(({ method }) => method === "DELETE")).toHaveLength(1);
      return lines.filter(({ fields }) => "code" in fields && fields.code === "UPLOAD_LEFT_BEHIND");
    };

    expect(await giveUp("given-up/clean", 204)).toEqual([]);
    expect(await giveUp("given-up/left", 503)).toMatchObject([
      { level: "warn", fields: { bucket: BUCKET, key: "given-up/left", upload_id: expect.any(String) } },
    ]);
  }, 30_000);

  test("whoever gives up waits no longer", async () => {
    const store = openStore({ endpoint: "http://127.0.0.1:1" }, 60_000);
    const controller = new AbortController();
    const facts = store.facts(at("x"), controller.signal);
    setTimeout(() => controller.abort(new Error("enough")), 100);
    expect(await facts.catch(String)).toBe("Error: enough");
  });
});

describe("a download that was interrupted", () => {
  async function interrupted(store: FileStore, key: string): Promise<void> {
    const controller = new AbortController();
    let answers = 0;
    s3.fault = (_, method) => {
      if (method === "GET" && ++answers === 6) controller.abort(new Error("stop"));
      return undefined;
    };
    expect(await store.fetch(at(key), local("x"), controller.signal).catch(String)).toContain("stop");
    s3.fault = () => undefined;
    s3.requests.length = 0;
  }

  test("goes on where it stopped, also in another process", async () => {
    await openStore().write(chunks(content(64 * MIB), MIB), at("resume"), never);
    await interrupted(openStore(), "resume");
    await openStore().fetch(at("resume"), local("x"), never);
    expect(s3.requests.length).toBeLessThan(8);
    expect(await hashAt(local("x"))).toBe(hashOf(content(64 * MIB)));
  }, 30_000);

  test("begins anew where the file is another one meanwhile", async () => {
    await openStore().write(chunks(content(64 * MIB), MIB), at("changed"), never);
    await interrupted(openStore(), "changed");
    const other = content(40 * MIB).toReversed();
    await openStore().write(chunks(other, MIB), at("changed"), never);
    await openStore().fetch(at("changed"), local("x"), never);
    expect(await hashAt(local("x"))).toBe(hashOf(other));
  }, 30_000);
});

describe("what is wrong is named", () => {
  test("a file, and a bucket, that are not there", async () => {
    const store = openStore();
    expect(await store.facts(at("nothing"), never)).toBeUndefined();
    expect(await codeOf(store.fetch(at("nothing"), local("x"), never))).toBe("FILE_NOT_FOUND");
    writeFileSync(local("a"), "a");
    const calls = [
      store.facts(at("a", "missing"), never),
      store.fetch(at("a", "missing"), local("x"), never),
      store.send(local("a"), at("a", "missing"), never),
      store.page(at("", "missing"), undefined, 1, never),
    ];
    expect(await Promise.all(calls.map(codeOf))).toEqual(Array.from({ length: 4 }, () => "BUCKET_NOT_FOUND"));
  });

  test("wrong keys, which stand in no message", async () => {
    const store = openStore({ keys: { id: "nobody", secret: "hush-hush" } });
    const calls = [() => store.write(chunks(content(5), 5), at("a"), never), () => store.facts(at("a"), never)];
    for (const call of calls) {
      const error = await call().catch((found: Error) => found);
      expect(error).toMatchObject({ code: "FILES_ACCESS_DENIED" });
      expect(String(error)).toContain("S3_ACCESS_KEY");
      expect(String(error)).not.toContain("hush-hush");
    }
  });
});

test("no more requests are under way than are allowed", async () => {
  const store = openStore({ concurrency: 2 });
  let running = 0;
  let most = 0;
  s3.fault = async () => {
    running += 1;
    most = Math.max(most, running);
    await Bun.sleep(10);
    running -= 1;
    return undefined;
  };
  const names = Array.from({ length: 12 }, (_, index) => `gate/${index}`);
  await Promise.all(names.map((name) => store.write(chunks(content(3), 3), at(name), never)));
  expect(most).toBe(2);
  expect((await Array.fromAsync(filesBelow(store, at("gate/"), never))).length).toBe(12);
});
