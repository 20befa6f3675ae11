/** `context.taskFiles`, on a real server of the S3 kind. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TaskFiles } from "../../src/files/port.ts";
import { openS3Store } from "../../src/files/s3/index.ts";
import type { FileStore } from "../../src/files/store.ts";
import { createTaskFiles } from "../../src/files/task-files.ts";
import { S3_SDK } from "../../src/threads.ts";
import { silentLog } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { BUCKET, OTHER_BUCKET, S3Server } from "../support/s3.ts";

const JOB = "0192f0a1-0000-7000-8000-000000000001";
const HOME = `s3://${BUCKET}/jobs/${JOB}`;

const s3 = new S3Server();
const signal = new AbortController().signal;
let folder = "";
let store: FileStore;
let files: TaskFiles;

beforeAll(() => s3.start());
afterAll(() => s3.remove());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "task-files-"));
  const system = { ...createRealSystem({ write: () => undefined }), log: silentLog };
  store = openS3Store({ sdk: S3_SDK, system, settings: s3.settings, patienceMs: 5_000 });
  files = createTaskFiles({ store, folder }).begin(JOB, () => signal).files;
});
afterEach(() => {
  s3.requests.length = 0;
  rmSync(folder, { recursive: true, force: true });
});

async function put(key: string, text: string, bucket = BUCKET): Promise<void> {
  async function* content() {
    yield new TextEncoder().encode(text);
  }
  await store.write(content(), { bucket, key }, signal);
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "nothing was refused",
    (error: { code?: string }) => error.code ?? String(error),
  );

describe("a file of the job", () => {
  test("is read as text and as JSON, and fetched once", async () => {
    await put(`jobs/${JOB}/config.json`, '{"mode":"fast"}');
    s3.requests.length = 0;
    expect(await files.readJson<{ mode: string }>("config.json")).toEqual({ mode: "fast" });
    expect(await files.readText("config.json")).toBe('{"mode":"fast"}');
    const path = await files.download("config.json");
    expect(readFileSync(path, "utf8")).toBe('{"mode":"fast"}');
    expect(path).toBe(join(folder, JOB, "config.json"));
    expect(s3.requests).toHaveLength(1);
  });

  test("that is asked for twice at once is fetched once", async () => {
    await put(`jobs/${JOB}/twice.txt`, "x");
    s3.requests.length = 0;
    await Promise.all([files.readText("twice.txt"), files.readText("twice.txt"), files.download("twice.txt")]);
    expect(s3.requests).toHaveLength(1);
  });

  test("is written here and there, and read back from here", async () => {
    expect(await files.writeText("out/result.txt", "Done.")).toBe(`${HOME}/out/result.txt`);
    expect(await files.writeJson("data.json", { n: 1 })).toBe(`${HOME}/data.json`);
    s3.requests.length = 0;
    expect(await files.readText("out/result.txt")).toBe("Done.");
    expect(s3.requests).toHaveLength(0);
    expect((await store.facts({ bucket: BUCKET, key: `jobs/${JOB}/out/result.txt` }, signal))?.size).toBe(5);
    expect(await files.readText(`${HOME}/out/result.txt`)).toBe("Done.");
  });

  test("is listed, looked for and deleted by its name", async () => {
    await files.writeText("list/a.txt", "a");
    await files.writeText("list/sub/b.txt", "b");
    expect(await files.list("list/")).toEqual(["list/a.txt", "list/sub/b.txt"]);
    expect(await files.list()).toContain("list/a.txt");
    expect([await files.exists("list/a.txt"), await files.exists("list/"), await files.exists("nope")]).toEqual([
      true,
      true,
      false,
    ]);
    await files.delete("list/a.txt");
    expect(await files.exists("list/a.txt")).toBe(false);
    expect(existsSync(join(folder, JOB, "list/a.txt"))).toBe(false);
    await files.delete("list/");
    expect(await files.list("list/")).toEqual([]);
    await files.delete("never-there.txt");
  });

  test("that is missing is refused by name, so that a handler can go another way", async () => {
    const error = await files.readJson("config-that-is-not-there.json").catch((found: Error) => found);
    expect(error).toMatchObject({ code: "FILE_NOT_FOUND", status: 404 });
    expect(String(error)).toContain(`${HOME}/config-that-is-not-there.json`);
    expect(await codeOf(files.download("no-such-folder/"))).toBe("FILE_NOT_FOUND");
    expect(await codeOf(files.upload("no-such-file"))).toBe("FILE_NOT_FOUND");
  });

  test("that is no JSON says so", async () => {
    await files.writeText("broken.json", "{mode: fast}");
    expect(await codeOf(files.readJson("broken.json"))).toBe("FILE_IS_NO_JSON");
    expect(await codeOf(files.writeJson("x.json", undefined as never))).toBe("FILE_IS_NO_JSON");
  });
});

describe("a folder", () => {
  test("is fetched with all below it, and sent with all below it", async () => {
    await put(`jobs/${JOB}/dataset/a.txt`, "A");
    await put(`jobs/${JOB}/dataset/deep/er/b.txt`, "B");
    const path = await files.download("dataset/");
    expect(readFileSync(join(path, "a.txt"), "utf8")).toBe("A");
    expect(readFileSync(join(path, "deep/er/b.txt"), "utf8")).toBe("B");

    writeFileSync(files.pathTo("output/one.txt"), "1");
    writeFileSync(files.pathTo("output/sub/two.txt"), "2");
    expect(await files.upload("output")).toBe(`${HOME}/output/`);
    expect(await files.upload(join(folder, JOB, "output"), "renamed/")).toBe(`${HOME}/renamed/`);
    expect(await files.list("output/")).toEqual(["output/one.txt", "output/sub/two.txt"]);
    expect(await files.list("renamed/")).toEqual(["renamed/one.txt", "renamed/sub/two.txt"]);
  });

  test("with a name in the store that leads out is refused, and nothing is written outside", async () => {
    await put("evil/ok.txt", "ok");
    const page = store.page.bind(store);
    store.page = async (...asked) => {
      const found = await page(...asked);
      return {
        ...found,
        files: [...found.files, { key: "evil/../../escaped.txt", size: 1, etag: "e", modifiedAtMs: 0 }],
      };
    };
    expect(await codeOf(files.download(`s3://${BUCKET}/evil/`))).toBe("FILE_OUTSIDE_FOLDER");
    expect(existsSync(join(dirname(folder), "escaped.txt"))).toBe(false);
  });

  test("that is empty is not uploaded", async () => {
    mkdirSync(files.pathTo("empty/"), { recursive: true });
    expect(await codeOf(files.upload("empty"))).toBe("FOLDER_IS_EMPTY");
  });
});

test("addresses of other buckets are read, and never written", async () => {
  await put("raw/movie.json", '{"n":1}', OTHER_BUCKET);
  const uri = `s3://${OTHER_BUCKET}/raw/movie.json`;
  expect(await files.readJson<{ n: number }>(uri)).toEqual({ n: 1 });
  expect(await files.exists(uri)).toBe(true);
  expect(await files.list(`s3://${OTHER_BUCKET}/raw/`)).toEqual([uri]);
  expect(await files.download(uri)).toStartWith(join(folder, JOB));
  const calls = [files.writeText(uri, "x"), files.delete(uri), files.writeText(`s3://${BUCKET}/jobs/other/x`, "x")];
  expect(await Promise.all(calls.map(codeOf))).toEqual(Array.from({ length: 3 }, () => "FILE_OUTSIDE_FOLDER"));
});

describe("names that leave the job's folder are refused by every call", () => {
  test.each([
    ["../other-job/secret.txt", "FILE_OUTSIDE_FOLDER"],
    ["a/../../x", "FILE_OUTSIDE_FOLDER"],
    ["..", "FILE_OUTSIDE_FOLDER"],
    ["/etc/passwd", "FILE_OUTSIDE_FOLDER"],
    [`s3://${BUCKET}/jobs/${JOB}/../x`, "FILE_OUTSIDE_FOLDER"],
    ["a\0b", "WRONG_FILE_NAME"],
    ["a//b", "WRONG_FILE_NAME"],
    ["./a", "WRONG_FILE_NAME"],
    ["a\\..\\b", "WRONG_FILE_NAME"],
    ["", "WRONG_FILE_NAME"],
    ["s3://", "WRONG_FILE_NAME"],
    ["x".repeat(300), "WRONG_FILE_NAME"],
    ["x/".repeat(600) + "y", "WRONG_FILE_NAME"],
  ])("%p", async (name, code) => {
    const calls = [
      files.download(name),
      files.readText(name),
      files.readJson(name),
      files.writeText(name, "x"),
      files.writeJson(name, 1),
      files.exists(name),
      files.delete(name),
      ...(name === "" ? [] : [files.list(name)]),
    ];
    expect(new Set(await Promise.all(calls.map(codeOf)))).toEqual(new Set([code]));
    expect(() => files.pathTo(name)).toThrow();
  });

  test("a link that leads out is no way out, neither for what is read nor for what is sent", async () => {
    const secret = join(folder, "secret.txt");
    writeFileSync(secret, "secret");
    symlinkSync(secret, files.pathTo("link.txt"));
    symlinkSync(folder, files.pathTo("out"));
    writeFileSync(files.pathTo("mixed/fine.txt"), "fine");
    symlinkSync(secret, files.pathTo("mixed/link.txt"));
    const calls = [
      files.upload("link.txt"),
      files.upload("out/secret.txt"),
      files.upload("mixed"),
      files.upload(secret),
      files.upload("../secret.txt"),
      files.writeText("out/new.txt", "x"),
      files.download("out/x.txt"),
    ];
    expect(await Promise.all(calls.map(codeOf))).toEqual(Array.from({ length: 7 }, () => "FILE_OUTSIDE_FOLDER"));
    expect(existsSync(join(folder, "new.txt"))).toBe(false);
    expect(readFileSync(secret, "utf8")).toBe("secret");
  });
});

test("a folder where a file is needed, and a file and a folder of one name, are told from each other", async () => {
  expect(await codeOf(files.readText("folder/"))).toBe("WRONG_FILE_NAME");
  expect(await codeOf(files.writeText("folder/", "x"))).toBe("WRONG_FILE_NAME");
  await files.writeText("same", "a file");
  await put(`jobs/${JOB}/same/below.txt`, "and a folder");
  expect(await codeOf(files.download("same/below.txt"))).toBe("WRONG_FILE_NAME");
});

test("calls that a handler forgot to wait for are counted, and one that is given up ends", async () => {
  const controller = new AbortController();
  const run = createTaskFiles({ store, folder }).begin(JOB, () => controller.signal);
  s3.fault = () => 503;
  const reading = run.files.readText("x");
  expect(run.pending).toBe(1);
  controller.abort(new Error("the handler was given up"));
  expect(await reading.catch(String)).toContain("given up");
  expect(run.pending).toBe(0);
  s3.fault = () => undefined;
});
