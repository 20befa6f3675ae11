/** Recipes 12a and 12b, and what can go wrong with a store of files, on the compiled program and a real server of the S3 kind. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openS3Store } from "../../src/files/s3/index.ts";
import { filesBelow, type FileStore } from "../../src/files/store.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { S3_SDK } from "../../src/threads.ts";
import { BUCKET, S3Server } from "../support/s3.ts";
import { eventually, examples, isBuilt, type Program, run, Server, startWorker, temporaryFolder } from "./binary.ts";
import { call, cancel, read, submit, waitForEnd, waitForRunningTask, waitUntil } from "./client.ts";
import { runLargeFile } from "./large-file.ts";

const LIMIT_MS = 60_000;
const WORKER = join(examples, "_workers", "12b-video.ts");
const never = new AbortController().signal;
const MIB = 1024 * 1024;

const s3 = new S3Server();
const folder = temporaryFolder();
const copies = join(folder.path, "copies");
const payloads = join(folder.path, "payloads");
let store: FileStore;
let server: Server;
let worker: Program;

const serverFiles = () => ({ ...s3.environment, TASK_FILES_DIR: copies });
const workerFiles = () => ({ ...s3.environment, WORKER_PAYLOAD_DIR: payloads });

beforeAll(async () => {
  await s3.start();
  const system = createRealSystem({ write: () => undefined });
  store = openS3Store({ system, settings: s3.settings, sdk: S3_SDK, patienceMs: 20_000 });
  if (!isBuilt) return;
  server = await new Server({ environment: serverFiles() }).start();
  worker = startWorker(server, [WORKER], [], workerFiles());
});
afterAll(async () => {
  await worker?.kill();
  await server?.remove();
  await s3.remove();
  folder.remove();
});

async function put(key: string, content: string | Uint8Array): Promise<void> {
  async function* one() {
    yield typeof content === "string" ? new TextEncoder().encode(content) : content;
  }
  await store.write(one(), { bucket: BUCKET, key }, never);
}

async function textAt(uri: unknown): Promise<string> {
  const url = await store.link({ bucket: BUCKET, key: String(uri).slice(`s3://${BUCKET}/`.length) }, "GET", 60);
  return await (await fetch(url)).text();
}

const namesOf = async (id: string) =>
  (await Array.fromAsync(filesBelow(store, { bucket: BUCKET, key: `jobs/${id}/` }, never))).map(({ key }) =>
    key.slice(`jobs/${id}/`.length),
  );

const upload = (id: string, name: string, body: string) =>
  call(server, `/api/v1/jobs/${id}/files/content/${name}`, { method: "PUT", body });

describe.skipIf(!isBuilt)("recipe 12a", () => {
  test("ends in config_missing where there is no configuration", async () => {
    const job = await waitForEnd(server, await submit(server, "jobs/s3_ops"));
    expect([job.status, job.current_state]).toEqual(["finished", "config_missing"]);
  });

  test.each([
    ["fast", "Done fast."],
    ["deep", "Done deeply."],
  ])("goes the way that a file of the user's names: %s", async (mode, text) => {
    await put(`configs/${mode}.json`, JSON.stringify({ mode }));
    const id = await submit(server, "jobs/s3_ops", { config: `s3://${BUCKET}/configs/${mode}.json` });
    const job = await waitForEnd(server, id);
    expect([job.status, job.current_state, job.result]).toEqual([
      "finished",
      "finished",
      `s3://${BUCKET}/jobs/${id}/result.txt`,
    ]);
    expect(await textAt(job.result)).toBe(text);
  });

  test("waits for the files of a job, put through the server and by a link, and sends a whole folder back", async () => {
    const id = await submit(server, "jobs/s3_ops", { waits: true });
    await waitUntil(server, id, "it waits", ({ status }) => status === "waiting_for_event");
    expect((await upload(id, "config.json", '{"mode":"deep"}')).status).toBe(200);
    expect((await upload(id, "dataset/a.txt", "two words")).status).toBe(200);
    const link = await call(server, `/api/v1/jobs/${id}/files/upload?filename=dataset/sub/b.txt`);
    expect((await fetch(String(link.body["url"]), { method: "PUT", body: "one two three" })).status).toBe(200);
    await call(server, `/api/v1/jobs/${id}/event`, { method: "POST", body: '{"event":"files_uploaded"}' });

    const job = await waitForEnd(server, id);
    expect(job.current_state).toBe("finished");
    expect(await textAt(`s3://${BUCKET}/jobs/${id}/report/dataset/a.txt`)).toBe("2 words\n");
    expect(await textAt(`s3://${BUCKET}/jobs/${id}/counts.json`)).toBe('{"dataset/a.txt":2,"dataset/sub/b.txt":3}');
    const found = await fetch(`${server.url}/api/v1/jobs/${id}/files/download/result.txt`, {
      headers: { "x-client-token": "e2e-client" },
    });
    expect(await found.text()).toBe("Done deeply.");
    const listed = await call(server, `/api/v1/jobs/${id}/files`);
    expect((listed.body["files"] as { filename: string }[]).map(({ filename }) => filename)).toEqual([
      "config.json",
      "counts.json",
      "dataset/a.txt",
      "dataset/sub/b.txt",
      "report/dataset/a.txt",
      "report/dataset/sub/b.txt",
      "result.txt",
    ]);
    await eventually("the local copies are gone", 5_000, async () => !existsSync(join(copies, id)));
  });

  test(
    "ends in failed, with the reason, where there is no store; the endpoints say so too",
    async () => {
      const bare = await new Server().start();
      try {
        const id = await submit(bare, "jobs/s3_ops");
        const job = await waitForEnd(bare, id);
        expect([job.status, job.current_state]).toEqual(["failed", "failed"]);
        expect(job.error?.message).toContain("S3_ENDPOINT_URL");
        const answer = await call(bare, `/api/v1/jobs/${id}/files/upload?filename=x`);
        expect([answer.status, answer.body["error"]]).toEqual([
          501,
          expect.stringContaining("S3 support is not enabled"),
        ]);
      } finally {
        await bare.remove();
      }
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("recipe 12b", () => {
  test("processes a file of the store and leaves the result there, and nothing with the worker", async () => {
    await put("raw_videos/movie.mp4", "a movie");
    const id = await submit(server, "jobs/s3_pipeline", { s3_uri: `s3://${BUCKET}/raw_videos/movie.mp4` });
    const job = await waitForEnd(server, id);
    expect([job.status, job.current_state]).toEqual(["finished", "finished"]);
    const uri = String(job.state_history["processed_video_path"]);
    expect(uri).toMatch(new RegExp(`^s3://${BUCKET}/jobs/${id}/[^/]+/processed_movie.mp4$`));
    expect(await textAt(uri)).toBe("a movie");
    await eventually("the task's folder is gone", 5_000, async () => readdirSync(payloads).length === 0);
  });

  test.each([
    ["a file that is not there", `s3://${BUCKET}/no-such-file.mp4`, "no-such-file.mp4"],
    ["a bucket that is not there", "s3://no-such-bucket/x", "no-such-bucket"],
    ["a path that leaves its folder", `s3://${BUCKET}/../../etc/passwd`, "leaves the folder"],
    ["no path at all", "", "no video"],
    ["a path of this machine that is none", "/no/such/path", "no video"],
  ])("%s is an input that is wrong: failed at once, with the reason", async (_, uri, said) => {
    const job = await waitForEnd(server, await submit(server, "jobs/s3_pipeline", { s3_uri: uri }));
    expect([job.status, job.current_state, job.error?.code]).toEqual(["failed", "failed", "INVALID_INPUT_ERROR"]);
    expect(job.error?.message).toContain(said);
  });

  test("is called off while its file is on the way", async () => {
    await put("slow/movie.mp4", "x");
    s3.fault = () => 503;
    try {
      const id = await submit(server, "jobs/s3_pipeline", { s3_uri: `s3://${BUCKET}/slow/movie.mp4` });
      await waitForRunningTask(server, id);
      expect((await cancel(server, id)).status).toBe(200);
      const job = await waitForEnd(server, id);
      expect([job.status, job.current_state]).toEqual(["cancelled", "cancelled"]);
    } finally {
      s3.fault = () => undefined;
    }
  });
});

describe.skipIf(!isBuilt)("a result that names what lies outside of the payload folder", () => {
  test(
    "brings none of it to the store, by dots or links; another path is a text; the worker goes on",
    async () => {
      const blueprints = join(import.meta.dir, "blueprints");
      const own = await new Server({ environment: serverFiles(), blueprints }).start();
      const home = temporaryFolder();
      const secret = join(home.path, "secret.txt");
      writeFileSync(secret, "what nobody may see");
      const payloads = join(home.path, "payloads");
      const bad = join(import.meta.dir, "workers", "bad.ts");
      const other = startWorker(own, [bad], [], { ...s3.environment, WORKER_PAYLOAD_DIR: payloads });
      const ask = async (how: string) => {
        const input = { task: "names_what_lies_outside", how, secret };
        return waitForEnd(own, await submit(own, "jobs/bad_tasks", input));
      };
      try {
        for (const how of ["dots", "a link", "a link in a folder"]) {
          const { error } = await ask(how);
          expect(error).toMatchObject({
            code: "PERMANENT_ERROR",
            message: expect.stringContaining("leaves the folder"),
          });
        }
        const absolute = await ask("an absolute path");
        expect([absolute.status, absolute.state_history["path"]]).toEqual(["finished", secret]);
        const { state_history: history } = await ask("nothing odd");
        expect(await textAt(history["path"])).toBe("inside");

        const stored = readdirSync(s3.folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
        const texts = stored.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "latin1"));
        expect(texts.filter((text) => text.includes("what nobody may see"))).toEqual([]);
        expect(other.hasEnded).toBe(false);
      } finally {
        await other.kill();
        await own.remove();
        home.remove();
      }
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("a store that is away", () => {
  test(
    "for a while in the middle of an upload costs that while, and no attempt",
    async () => {
      await put("away/movie.mp4", new Uint8Array(40 * MIB).fill(7));
      let parts = 0;
      const begun = Promise.withResolvers<void>();
      s3.fault = (_, method) => {
        if (method === "PUT" && ++parts === 2) begun.resolve();
        return undefined;
      };
      const id = await submit(server, "jobs/s3_pipeline", { s3_uri: `s3://${BUCKET}/away/movie.mp4` });
      await begun.promise;
      await s3.stop();
      await eventually("the worker says so", 20_000, async () => worker.log.includes("asked again"));
      expect((await read(server, id)).status).toBe("waiting_for_worker");
      await s3.start();
      s3.fault = () => undefined;
      const job = await waitForEnd(server, id, 30_000);
      expect(job.status).toBe("finished");
      const { key } = { key: String(job.state_history["processed_video_path"]).slice(`s3://${BUCKET}/`.length) };
      expect((await store.facts({ bucket: BUCKET, key }, never))?.size).toBe(40 * MIB);
      const { text } = await call(server, `/api/v1/jobs/${id}/history`);
      expect(text).not.toContain('"attempt_number":2');
    },
    LIMIT_MS,
  );

  test(
    "while a handler runs is waited for, too",
    async () => {
      await put("configs/later.json", '{"mode":"fast"}');
      await s3.stop();
      const id = await submit(server, "jobs/s3_ops", { config: `s3://${BUCKET}/configs/later.json` });
      await eventually("the server says so", 20_000, async () => server.log.includes("asked again"));
      await s3.start();
      expect((await waitForEnd(server, id)).current_state).toBe("finished");
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("a store that is away for longer than anybody waits", () => {
  test(
    "costs attempts and then stops the jobs with the reason; server and worker stay, and a retry brings each to its end",
    async () => {
      const soon = { S3_PATIENCE_SECONDS: "1", JOB_MAX_RETRIES: "1" };
      const hasty = await new Server({ environment: { ...serverFiles(), ...soon } }).start();
      const other = startWorker(hasty, [WORKER], [], { ...workerFiles(), ...soon });
      let [parts, isAway] = [0, false];
      await put("hour/movie.mp4", new Uint8Array(40 * MIB).fill(9));
      await put("hour/config.json", '{"mode":"fast"}');
      try {
        const begun = Promise.withResolvers<void>();
        s3.fault = (_, method) => {
          if (method === "PUT" && ++parts === 2) begun.resolve();
          return undefined;
        };
        const working = await submit(hasty, "jobs/s3_pipeline", { s3_uri: `s3://${BUCKET}/hour/movie.mp4` });
        await begun.promise;
        await s3.stop();
        isAway = true;
        const reading = await submit(hasty, "jobs/s3_ops", { config: `s3://${BUCKET}/hour/config.json` });
        for (const id of [working, reading]) {
          const job = await waitForEnd(hasty, id, 40_000);
          expect([job.status, job.error?.message]).toEqual(["quarantined", expect.stringContaining("S3_ENDPOINT_URL")]);
        }
        expect(other.log).toContain("UPLOAD_LEFT_BEHIND");
        expect([hasty.hasEnded, other.hasEnded]).toEqual([false, false]);

        await s3.start();
        isAway = false;
        s3.fault = () => undefined;
        for (const id of [working, reading]) {
          expect((await call(hasty, `/api/v1/jobs/${id}/retry`, { method: "POST" })).status).toBe(200);
          await waitUntil(hasty, id, "it is over", ({ status }) => status === "finished");
        }
        const uri = String((await read(hasty, working)).state_history["processed_video_path"]);
        const key = uri.slice(`s3://${BUCKET}/`.length);
        expect((await store.facts({ bucket: BUCKET, key }, never))?.size).toBe(40 * MIB);
      } finally {
        s3.fault = () => undefined;
        if (isAway) await s3.start();
        await other.kill();
        await hasty.remove();
      }
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("files of a job that is over", () => {
  test(
    "stay unless S3_AUTO_CLEANUP is set; then they go, also over a kill of the server and an outage of the store",
    async () => {
      await put("configs/clean.json", '{"mode":"fast"}');
      const cleaning = await new Server({ environment: { ...serverFiles(), S3_AUTO_CLEANUP: "true" } }).start();
      try {
        s3.fault = (_, method) => (method === "DELETE" ? 503 : undefined);
        const id = await submit(cleaning, "jobs/s3_ops", { config: `s3://${BUCKET}/configs/clean.json` });
        await waitForEnd(cleaning, id);
        expect(await namesOf(id)).toEqual(["result.txt"]);
        await cleaning.kill();
        s3.fault = () => undefined;
        await cleaning.start();
        await eventually("its files are gone", 20_000, async () => (await namesOf(id)).length === 0);
        expect(await textAt(`s3://${BUCKET}/configs/clean.json`)).toContain("fast");
        const late = await call(cleaning, `/api/v1/jobs/${id}/files/content/late.txt`, { method: "PUT", body: "x" });
        expect([late.status, late.body["code"]]).toEqual([409, "JOB_IS_OVER"]);
      } finally {
        s3.fault = () => undefined;
        await cleaning.remove();
      }
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("settings of S3", () => {
  const SECRET = "hush-hush-secret";
  const wrong = [
    ["half of a pair of keys", { S3_SECRET_KEY: SECRET }, "S3_ACCESS_KEY is not"],
    ["an endpoint that is no address", { S3_ENDPOINT_URL: "minio" }, "S3_ENDPOINT_URL"],
    ["two buckets", { S3_BUCKET: "one", S3_BUCKET_NAME: "two" }, "S3_BUCKET and S3_BUCKET_NAME"],
    ["two secrets", { S3_SECRET_KEY: SECRET, S3_SECRET_ACCESS_KEY: `${SECRET}2` }, "mean the same"],
  ] as const;

  test.each(wrong)("%s: server and worker end with 2 and say what to do", async (_, environment, said) => {
    const empty = temporaryFolder();
    const commands = [
      ["serve", "--data-dir", join(empty.path, "data"), "--port", "0", "--blueprints", empty.path],
      ["worker", WORKER, "--url", server.url, "--token", "x"],
    ];
    for (const command of commands) {
      const { exitCode, err } = await run(command, { environment });
      expect([command[0], exitCode]).toEqual([command[0], 2]);
      expect(err).toContain(said);
      expect(err).not.toContain(SECRET);
    }
    empty.remove();
  });

  test("are told at the start, without a key", () => {
    for (const { log } of [server, worker]) {
      expect(log).toContain("S3 is on");
      expect(log).toContain(`"bucket":"${BUCKET}"`);
      expect(log).not.toContain("S3RVER");
    }
  });

  test("that are set in vain are a warning", async () => {
    const half = await new Server({ environment: { S3_BUCKET: "work", S3_AUTO_CLEANUP: "true" } }).start();
    expect(half.log).toContain("S3 is off, although S3_BUCKET is set");
    expect(half.log).toContain("S3_AUTO_CLEANUP has no effect");
    await half.remove();
  });

  test(
    "with wrong keys: handlers and workers name them, nothing ends, and no key is shown",
    async () => {
      const environment = { ...serverFiles(), S3_ACCESS_KEY_ID: "nobody", S3_SECRET_ACCESS_KEY: SECRET };
      const locked = await new Server({ environment }).start();
      const other = startWorker(locked, [WORKER], [], { ...workerFiles(), ...environment });
      try {
        const [reading, working] = [
          await waitForEnd(locked, await submit(locked, "jobs/s3_ops"), 30_000),
          await waitForEnd(locked, await submit(locked, "jobs/s3_pipeline", { s3_uri: `s3://${BUCKET}/x` }), 30_000),
        ];
        expect([reading.status, working.status]).toEqual(["quarantined", "quarantined"]);
        for (const job of [reading, working]) expect(job.error?.message).toContain("S3_ACCESS_KEY");
        expect([locked.hasEnded, other.hasEnded]).toEqual([false, false]);
        expect(locked.log + other.log + JSON.stringify([reading, working])).not.toContain(SECRET);
      } finally {
        await other.kill();
        await locked.remove();
      }
    },
    LIMIT_MS,
  );
});

test.skipIf(!isBuilt)(
  "a file larger than the memory that is used for it goes through worker and store",
  async () => {
    const { isSame, worker: used, server: served } = await runLargeFile({ megabytes: 256, s3 });
    expect(isSame).toBe(true);
    expect(used.mostMegabytes - used.leastMegabytes).toBeLessThan(230);
    expect(served.mostMegabytes - served.leastMegabytes).toBeLessThan(50);
  },
  LIMIT_MS,
);
