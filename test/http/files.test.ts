/** Files of jobs at the client's door, on a real server of the S3 kind. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readClients } from "../../src/access/clients-file.ts";
import { createJobFiles } from "../../src/files/job-files.ts";
import { openS3Store } from "../../src/files/s3/index.ts";
import type { FilesAtDoors } from "../../src/http/files.ts";
import { S3_SDK } from "../../src/threads.ts";
import { BUCKET, S3Server } from "../support/s3.ts";
import { asClient, createDoors, quiet, request } from "./doors.ts";
import { createFake, job } from "./fake-orchestrator.ts";

const ID = job().id;
const PATH = `/api/v1/jobs/${ID}/files`;
const MIB = 1024 * 1024;
const never = new AbortController().signal;
const s3 = new S3Server();
let files: FilesAtDoors;

beforeAll(() => s3.start());
afterAll(() => s3.remove());
beforeEach(() => {
  const jobs = createJobFiles(openS3Store({ sdk: S3_SDK, system: quiet, settings: s3.settings, patienceMs: 300 }));
  files = { ...jobs, isCleaned: false };
});

function doors(over: Parameters<typeof job>[0] = {}, options: Parameters<typeof createDoors>[2] = { files }) {
  const fake = createFake();
  fake.jobs.set(ID, job(over));
  const { app } = createDoors(fake, {}, options);
  return async (method: string, path: string, body?: string, headers: Record<string, string> = asClient) => {
    const response = await app.handle(request(method, path, headers, body));
    const text = await response.text();
    const json = text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: response.status, text, json, location: response.headers.get("location") };
  };
}

describe("a file of a job", () => {
  test("is put by a link and got by a link, without a token of ours", async () => {
    const call = doors();
    const { status, json } = await call("GET", `${PATH}/upload?filename=in%20put/config.json&expires_in=120`);
    expect([status, json["expires_in"], json["method"]]).toEqual([200, 120, "PUT"]);
    expect((await fetch(String(json["url"]), { method: "PUT", body: '{"mode":"fast"}' })).status).toBe(200);

    const found = await call("GET", `${PATH}/download/in%20put/config.json`);
    expect(found.status).toBe(302);
    expect(new URL(String(found.location)).searchParams.get("X-Amz-Expires")).toBe("60");
    expect(await (await fetch(String(found.location))).text()).toBe('{"mode":"fast"}');
  });

  test("is put through the server, under both prefixes, and listed", async () => {
    const call = doors();
    const put = await call("PUT", `${PATH}/content/list/a%20%25b.txt`, "hello");
    expect(put.json).toMatchObject({ status: "uploaded", s3_uri: `s3://${BUCKET}/jobs/${ID}/list/a %b.txt`, size: 5 });
    expect((await call("PUT", `/api/jobs/${ID}/files/content/list/c.txt`, "")).json).toMatchObject({ size: 0 });

    const first = await call("GET", `${PATH}?prefix=list/&limit=1`);
    expect(first.json["files"]).toMatchObject([{ filename: "list/a %b.txt", size: 5 }]);
    const cursor = encodeURIComponent(String(first.json["next_cursor"]));
    const second = await call("GET", `${PATH}?prefix=list/&limit=1&cursor=${cursor}`);
    expect(second.json).toMatchObject({ files: [{ filename: "list/c.txt", size: 0 }], next_cursor: null });
  });

  test("that is not there is 404", async () => {
    const found = await doors()("GET", `${PATH}/download/nothing.txt`);
    expect([found.status, found.json["code"]]).toEqual([404, "FILE_NOT_FOUND"]);
  });
});

describe("names that are none, or lead out of the job's folder", () => {
  test.each([
    ["GET", "upload?filename=../x", "FILE_OUTSIDE_FOLDER"],
    ["GET", "upload?filename=/etc/passwd", "FILE_OUTSIDE_FOLDER"],
    ["GET", "upload?filename=a%00b", "WRONG_FILE_NAME"],
    ["GET", "upload?filename=folder/", "WRONG_FILE_NAME"],
    ["GET", "upload?filename=", "INVALID_PARAMETER"],
    ["GET", "upload", "INVALID_PARAMETER"],
    ["GET", "upload?filename=a&expires_in=0", "INVALID_PARAMETER"],
    ["GET", "upload?filename=a&expires_in=soon", "INVALID_PARAMETER"],
    ["GET", "upload?filename=a&expires_in=999999999", "INVALID_PARAMETER"],
    ["PUT", "content/..%2F..%2Fother%2Fx", "FILE_OUTSIDE_FOLDER"],
    ["PUT", "content/a%5Cb", "WRONG_FILE_NAME"],
    ["PUT", "content/%ff", "WRONG_FILE_NAME"],
    ["PUT", "content/", "WRONG_FILE_NAME"],
    ["GET", "download/..%2Fx", "FILE_OUTSIDE_FOLDER"],
    ["GET", "?prefix=../", "FILE_OUTSIDE_FOLDER"],
  ])("%s %s", async (method, way, code) => {
    const path = way.startsWith("?") ? PATH + way : `${PATH}/${way}`;
    const answer = await doors()(method, path, method === "PUT" ? "x" : undefined);
    expect([answer.status, answer.json["code"]]).toEqual([400, code]);
  });
});

describe("who may", () => {
  const ways = [
    ["GET", "/upload?filename=a"],
    ["PUT", "/content/a"],
    ["GET", "/download/a"],
    ["GET", ""],
  ] as const;

  test.each(ways)("%s %s: only who has a token, and only for jobs of its own", async (method, way) => {
    const body = method === "PUT" ? "x" : undefined;
    expect((await doors()(method, PATH + way, body, {})).status).toBe(401);
    const ofAnother = doors({ client: { id: "somebody-else", config: {} } });
    expect((await ofAnother(method, PATH + way, body)).json["code"]).toBe("JOB_NOT_FOUND");
  });

  test.each(ways)("%s %s: 501 where no store is set up", async (method, way) => {
    const answer = await doors({}, {})(method, PATH + way, method === "PUT" ? "x" : undefined);
    expect([answer.status, answer.json["code"]]).toEqual([501, "FILES_ARE_OFF"]);
    expect(answer.text).toContain("S3 support is not enabled");
  });
});

test("a job that is over takes no files where they would stay for ever", async () => {
  const call = doors({ status: "finished" }, { files: { ...files, isCleaned: true } });
  expect((await call("PUT", `${PATH}/content/late.txt`, "x")).json["code"]).toBe("JOB_IS_OVER");
  expect((await call("GET", `${PATH}/upload?filename=late.txt`)).status).toBe(409);
  expect((await doors({ status: "finished" })("PUT", `${PATH}/content/late.txt`, "x")).status).toBe(200);
});

describe("a file that is on its way for long", () => {
  const theirs = { "x-client-token": "free-token" };
  const useFree = readClients(
    { kind: "clients", path: "clients.toml", text: '[free]\ntoken = "free-token"' },
    new Map(),
  );

  async function put(bytes: number, meanwhile: (the: ReturnType<typeof createDoors>) => void) {
    const fake = createFake();
    const kept = job({ client: { id: "free", config: {} } });
    fake.jobs.set(ID, kept);
    const the = createDoors(fake, {}, { files: { ...files, isCleaned: true } });
    the.access.useClients(useFree);
    const before = await the.app.handle(request("PUT", `${PATH}/content/slow/${bytes}`, theirs, "before"));
    expect(before.status).toBe(200);
    let sent = 0;
    const body = new ReadableStream(
      {
        pull(controller) {
          if (sent >= bytes) {
            meanwhile(the);
            return controller.close();
          }
          controller.enqueue(new Uint8Array(MIB));
          sent += MIB;
        },
      },
      { highWaterMark: 0 },
    );
    const slow = new Request(`http://server${PATH}/content/slow/${bytes}`, { method: "PUT", headers: theirs, body });
    const answer = await the.app.handle(slow);
    const { code } = (await answer.json()) as { code?: string };
    const there = await (await fetch(await files.downloadLink(ID, `slow/${bytes}`, 60, never))).text();
    return { status: answer.status, code, isKept: there !== "before" };
  }

  test.each([MIB, 20 * MIB])(
    "is not kept where its token was taken away meanwhile: %i bytes",
    async (bytes) => {
      const revoke = ({ access }: ReturnType<typeof createDoors>) => access.useClients([]);
      expect(await put(bytes, revoke)).toEqual({ status: 401, code: "INVALID_TOKEN", isKept: false });
      expect(await put(bytes, () => undefined)).toEqual({ status: 200, code: undefined, isKept: true });
    },
    30_000,
  );

  test("is not kept where its job ended meanwhile and nobody would take it away", async () => {
    const end = ({ fake }: ReturnType<typeof createDoors>) =>
      fake.jobs.set(ID, job({ client: { id: "free", config: {} }, status: "finished" }));
    expect(await put(2 * MIB, end)).toEqual({ status: 409, code: "JOB_IS_OVER", isKept: false });
  });
});

test("a store that is away, wrong keys and a bucket that is not there are named, and no key is shown", async () => {
  const storeWith = (over: object) => {
    const settings = { ...s3.settings, keys: { id: "nobody", secret: "hush" }, ...over };
    return {
      ...createJobFiles(openS3Store({ sdk: S3_SDK, system: quiet, settings, patienceMs: 100 })),
      isCleaned: false,
    };
  };
  const put = (over: object) => doors({}, { files: storeWith(over) })("PUT", `${PATH}/content/a`, "x");
  const denied = await put({});
  const missing = await put({ bucket: "missing", keys: s3.settings.keys });
  const away = await put({ endpoint: "http://127.0.0.1:1" });
  expect([denied, missing, away].map(({ status, json }) => [status, json["code"]])).toEqual([
    [500, "FILES_ACCESS_DENIED"],
    [500, "BUCKET_NOT_FOUND"],
    [503, "FILES_UNREACHABLE"],
  ]);
  expect(denied.text + missing.text + away.text).not.toContain("hush");
});
