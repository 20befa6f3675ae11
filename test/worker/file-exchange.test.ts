/** Files in params and results, on a real server of the S3 kind. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openS3Store } from "../../src/files/s3/index.ts";
import type { FileStore } from "../../src/files/store.ts";
import type { Timers } from "../../src/system/clock.ts";
import type { LogLine } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { S3_SDK } from "../../src/threads.ts";
import type { RunTask } from "../../worker/definition.ts";
import { createFileExchange } from "../../worker/file-exchange.ts";
import { HotCache } from "../../worker/hot-cache.ts";
import { readTask } from "../../worker/payload.ts";
import { Runner } from "../../worker/runner.ts";
import { Slots } from "../../worker/slots.ts";
import type { Origin } from "../../worker/task.ts";
import { BUCKET, OTHER_BUCKET, S3Server } from "../support/s3.ts";

interface Outcome {
  readonly status: string;
  readonly data?: Record<string, unknown>;
  readonly data_metadata?: Record<string, { uri: string; size: number; etag: string | null }>;
  readonly error?: { readonly code: string; readonly message: string };
}

const s3 = new S3Server();
const never = new AbortController().signal;
const HOME = `s3://${BUCKET}/jobs/j1/t1`;
let payloads = "";
let store: FileStore;
let lines: LogLine[] = [];

beforeAll(() => s3.start());
afterAll(() => s3.remove());
beforeEach(() => {
  payloads = mkdtempSync(join(tmpdir(), "payloads-"));
  lines = [];
  store = openStore();
});
afterEach(() => {
  s3.fault = () => undefined;
  s3.requests.length = 0;
  rmSync(payloads, { recursive: true, force: true });
});

function openStore(over: object = {}, patienceMs = 5_000): FileStore {
  const system = createRealSystem({ write: (line) => lines.push(line) });
  return openS3Store({ system, settings: { ...s3.settings, ...over }, sdk: S3_SDK, patienceMs });
}

async function put(key: string, text: string, bucket = BUCKET): Promise<void> {
  async function* content() {
    yield new TextEncoder().encode(text);
  }
  await store.write(content(), { bucket, key }, never);
}

async function textAt(uri: string): Promise<string> {
  const url = await store.link({ bucket: BUCKET, key: uri.slice(`s3://${BUCKET}/`.length) }, "GET", 60);
  return await (await fetch(url)).text();
}

interface Begun {
  readonly runner: Runner;
  readonly outcome: Promise<Outcome>;
}

function begin(
  handler: RunTask,
  params: object,
  over: { timers?: Timers; isOff?: boolean; check?: () => void; metadata?: object } = {},
): Begun {
  const ended = Promise.withResolvers<Outcome>();
  const origin: Origin = {
    finished: (_, body) => ended.resolve(JSON.parse(body) as Outcome),
    progress: async () => undefined,
    checkpoint: async () => undefined,
    event: async () => undefined,
    isCancelled: async () => false,
    release: () => undefined,
  };
  const system = createRealSystem({ level: "debug", write: (line) => lines.push(line) });
  const runner = new Runner({
    tasks: new Map([["work", { run: handler, ...(over.check && { check: over.check }) }]]),
    slots: new Slots({ total: 10, limits: {}, limitOfTask: {} }),
    timers: over.timers ?? system.timers,
    workplace: {
      workerId: "w1",
      log: system.log,
      timers: over.timers ?? system.timers,
      payloadFolder: payloads,
      hotCache: new HotCache({}, () => undefined),
    },
    changed: () => undefined,
    exchange: over.isOff === true ? undefined : createFileExchange({ store, payloadFolder: payloads }),
  });
  const payload = readTask({ job_id: "j1", task_id: "t1", type: "work", params, params_metadata: over.metadata });
  if (!payload) throw new Error("the test's task is no task");
  runner.accept(payload, origin);
  return { runner, outcome: ended.promise };
}

const run = (...call: Parameters<typeof begin>) => begin(...call).outcome;

/** Also when it is removed a moment after the outcome. */
async function untilGone(path: string): Promise<void> {
  const endMs = performance.now() + 3_000;
  while (existsSync(path)) {
    if (performance.now() > endMs) throw new Error(`${path} is still there`);
    await Bun.sleep(5);
  }
}

describe("params", () => {
  test("at any depth are local paths for the handler, with names kept, and everything goes when the task ends", async () => {
    await put("raw/movie.mp4", "a movie");
    await put("raw/list.txt", "other bucket", OTHER_BUCKET);
    const seen: unknown[] = [];
    const params = {
      video: `s3://${BUCKET}/raw/movie.mp4`,
      deep: [{ list: `s3://${OTHER_BUCKET}/raw/list.txt`, n: 1, none: null }],
      said: "see s3://elsewhere",
    };
    const outcome = await run((given) => {
      const { video, deep } = given as { video: string; deep: [{ list: string }] };
      seen.push(given, readFileSync(video, "utf8"), readFileSync(deep[0].list, "utf8"));
    }, params);
    expect(outcome.status).toBe("success");
    const folder = join(payloads, "t1");
    expect(seen).toEqual([
      { ...params, video: join(folder, "movie.mp4"), deep: [{ list: join(folder, "list.txt"), n: 1, none: null }] },
      "a movie",
      "other bucket",
    ]);
    await untilGone(folder);
  });

  test("with a slash at the end are folders, and two files of one name do not meet", async () => {
    await put("sets/a/x.txt", "ax");
    await put("sets/a/deep/y.txt", "ay");
    await put("sets/b/x.txt", "bx");
    const outcome = await run(
      ({ set, one, two, again }) => ({
        files: readdirSync(String(set), { recursive: true }).map(String).toSorted(),
        texts: [readFileSync(String(one), "utf8"), readFileSync(String(two), "utf8")],
        isOne: one === again,
      }),
      {
        set: `s3://${BUCKET}/sets/a/`,
        one: `s3://${BUCKET}/sets/a/x.txt`,
        two: `s3://${BUCKET}/sets/b/x.txt`,
        again: `s3://${BUCKET}/sets/a/x.txt`,
      },
    );
    expect(outcome.data).toEqual({ files: ["deep", "deep/y.txt", "x.txt"], texts: ["ax", "bx"], isOne: true });
  });

  test("that a handler opens where no store is set fail for good, with the settings that lack", async () => {
    const handler: RunTask = async ({ file }) => ({ size: (await Bun.file(String(file)).stat()).size });
    const outcome = await run(handler, { file: `s3://${BUCKET}/a.txt` }, { isOff: true });
    expect(outcome.error).toMatchObject({ code: "PERMANENT_ERROR" });
    expect(outcome.error?.message).toBe(
      "The params name s3://work/a.txt, and this worker has no store of files: start it with S3_ENDPOINT_URL, S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_KEY.",
    );
  });

  test.each([
    [`s3://${BUCKET}/nothing.txt`, "INVALID_INPUT_ERROR", "nothing.txt"],
    [`s3://${BUCKET}/no-folder/`, "INVALID_INPUT_ERROR", "no-folder"],
    ["s3://no-such-bucket/x", "INVALID_INPUT_ERROR", "no-such-bucket"],
    [`s3://${BUCKET}/../../etc/passwd`, "INVALID_INPUT_ERROR", "leaves"],
    [`s3://${BUCKET}//etc/passwd`, "INVALID_INPUT_ERROR", "etc/passwd"],
    ["s3://", "INVALID_INPUT_ERROR", "s3://bucket/key"],
    [`s3://${BUCKET}/a\0b`, "INVALID_INPUT_ERROR", "control"],
  ])("that name %j are the input's fault, and the handler does not run", async (uri, code, said) => {
    let runs = 0;
    const outcome = await run(() => void runs++, { file: uri });
    expect([outcome.status, outcome.error?.code, runs]).toEqual(["failure", code, 0]);
    expect(outcome.error?.message).toContain(said);
  });

  test("whose file is another one than when a worker told of it are used as it is now, and that is told", async () => {
    const uri = `s3://${BUCKET}/told.txt`;
    await put("told.txt", "now");
    const etag = (await store.facts({ bucket: BUCKET, key: "told.txt" }, never))?.etag;
    const read: RunTask = ({ file }) => ({ text: readFileSync(String(file), "utf8") });
    const changed = () => lines.filter(({ message }) => message.includes("another one"));
    await run(read, { file: uri }, { metadata: { file: { uri, size: 3, etag } } });
    expect(changed()).toEqual([]);
    const outcome = await run(read, { file: uri }, { metadata: { file: { uri, size: 9, etag: "before" } } });
    expect(outcome.data).toEqual({ text: "now" });
    expect(changed()).toMatchObject([{ fields: { param: "file", uri, before: { size: 9 } } }]);
  });

  test("are checked before anything is fetched", async () => {
    const check = () => {
      throw new Error("the params do not fit");
    };
    const outcome = await run(() => undefined, { file: `s3://${BUCKET}/x` }, { check });
    expect(outcome.error?.message).toContain("do not fit");
    expect(s3.requests).toEqual([]);
  });

  test("of a store that is away, or that refuses the keys, are worth another attempt", async () => {
    store = openStore({ endpoint: "http://127.0.0.1:1" }, 200);
    const away = await run(() => undefined, { file: `s3://${BUCKET}/x` });
    store = openStore({ keys: { id: "nobody", secret: "hush-hush" } });
    const denied = await run(() => undefined, { file: `s3://${BUCKET}/x` });
    expect([away.error?.code, denied.error?.code]).toEqual(["TRANSIENT_ERROR", "TRANSIENT_ERROR"]);
    expect(away.error?.message).toContain("http://127.0.0.1:1");
    expect(denied.error?.message).toContain("S3_ACCESS_KEY");
    expect(JSON.stringify([denied, lines])).not.toContain("hush-hush");
  });
});

describe("results", () => {
  test("at any depth are addresses for the orchestrator, with what is known of each file", async () => {
    const outcome = await run(async (_, { files }) => {
      const movie = await files.write("out/movie.mp4", "processed");
      await files.write("set/a.txt", "A");
      await files.write("set/deep/b.txt", "BB");
      return { movie, all: [{ set: files.pathTo("set") }, "/etc/passwd", "plain"], n: 1 };
    }, {});
    expect(outcome.status).toBe("success");
    expect(outcome.data).toEqual({
      movie: `${HOME}/movie.mp4`,
      all: [{ set: `${HOME}/set/` }, "/etc/passwd", "plain"],
      n: 1,
    });
    expect(outcome.data_metadata).toEqual({
      movie: { uri: `${HOME}/movie.mp4`, size: 9, etag: expect.any(String) },
      "all.0.set": { uri: `${HOME}/set/`, size: 3, etag: null },
    });
    expect([await textAt(`${HOME}/movie.mp4`), await textAt(`${HOME}/set/deep/b.txt`)]).toEqual(["processed", "BB"]);
    await untilGone(join(payloads, "t1"));
  });

  test("two files of one name do not overwrite each other, and one file named twice goes once", async () => {
    const outcome = await run(async (_, { files }) => {
      const [one, two] = [await files.write("a/x.txt", "1"), await files.write("b/x.txt", "2")];
      return { one, two, again: one };
    }, {});
    const { one, two, again } = outcome.data as Record<string, string>;
    expect([await textAt(String(one)), await textAt(String(two)), again]).toEqual(["1", "2", String(one)]);
  });

  test("beside another status are uploaded too, and what a handler says of its data stays", async () => {
    const outcome = await run(
      async (_, { files }) => ({
        status: "partial",
        data: { file: await files.write("x.txt", "1") },
        data_metadata: { own: { size: 7 } },
      }),
      {},
    );
    expect(outcome).toMatchObject({
      status: "partial",
      data: { file: `${HOME}/x.txt` },
      data_metadata: { own: { size: 7 } },
    });
  });

  test("that lie outside, or are not there, are texts as any other", async () => {
    const texts = {
      outside: "/etc/passwd",
      near: `${payloads}-other/x`,
      gone: join(payloads, "t1", "gone.txt"),
      all: payloads,
    };
    const outcome = await run(() => texts, {});
    expect(outcome).toEqual({ status: "success", data: texts });
    expect(lines.some(({ message }) => message.includes("not there"))).toBe(true);
  });

  test.each([
    ["a link", (home: string) => (symlinkSync("/etc/passwd", join(home, "link")), join(home, "link"))],
    [
      "a folder with a link in it",
      (home: string) => (symlinkSync("/etc/passwd", join(home, "set", "link")), join(home, "set")),
    ],
    [
      "a link to a folder on the way",
      (home: string) => (symlinkSync("/etc", join(home, "etc")), join(home, "etc", "passwd")),
    ],
    ["two dots", (home: string) => `${home}/../../${"../".repeat(20)}etc/passwd`],
  ])("that leave the payload folder by %s are refused by name, and nothing is uploaded", async (_, make) => {
    let path = "";
    const outcome = await run(() => {
      mkdirSync(join(payloads, "t1", "set"), { recursive: true });
      path = make(join(payloads, "t1"));
      return { path };
    }, {});
    expect(outcome.error?.code).toBe("PERMANENT_ERROR");
    expect(outcome.error?.message).toContain(path.includes("set") ? "link" : path);
    expect(s3.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test("that cannot be uploaded are a transient error that says why", async () => {
    store = openStore({ bucket: "no-such-bucket" });
    const outcome = await run(async (_, { files }) => ({ file: await files.write("x.txt", "1") }), {});
    expect(outcome.error?.code).toBe("TRANSIENT_ERROR");
    expect(outcome.error?.message).toContain('no bucket "no-such-bucket"');
  });

  test("of a handler beside its task's folder, in the payload folder, go too", async () => {
    writeFileSync(join(payloads, "shared.bin"), "shared");
    const outcome = await run(() => ({ file: join(payloads, "shared.bin") }), {});
    expect(await textAt(String(outcome.data?.["file"]))).toBe("shared");
    expect(existsSync(join(payloads, "shared.bin"))).toBe(true);
  });
});

test("without settings nothing of this happens", async () => {
  const params = { file: `s3://${BUCKET}/x` };
  const outcome = await run(async ({ file }, { files }) => ({ file, out: await files.write("x.txt", "1") }), params, {
    isOff: true,
  });
  expect(outcome.data).toEqual({ ...params, out: join(payloads, "t1", "x.txt") });
  expect(s3.requests).toEqual([]);
});

describe("a task that is stopped while its files are on their way", () => {
  test.each(["cancelled", "timeout"] as const)("%s: ends at once and leaves nothing behind", async (cause) => {
    await put("slow.bin", "x");
    const asked = Promise.withResolvers<void>();
    s3.fault = () => (asked.resolve(), 503);
    const { runner, outcome } = begin(() => ({ never: true }), { file: `s3://${BUCKET}/slow.bin` });
    await asked.promise;
    runner.stop("t1", cause);
    const { status, error } = await outcome;
    expect([status, error?.code]).toEqual(
      cause === "cancelled" ? ["cancelled", undefined] : ["failure", "TRANSIENT_ERROR"],
    );
    expect(runner.load).toBe(0);
    await untilGone(join(payloads, "t1"));
    expect(existsSync(dirname(payloads))).toBe(true);
  });
});
