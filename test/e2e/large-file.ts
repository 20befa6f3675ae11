/** One large file through worker and store, with what server and worker held in memory meanwhile. */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { openS3Store } from "../../src/files/s3/index.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { S3_SDK } from "../../src/threads.ts";
import { BUCKET, type S3Server } from "../support/s3.ts";
import { examples, Server, startWorker, temporaryFolder } from "./binary.ts";
import { submit, waitForEnd } from "./client.ts";

const MIB = 1024 * 1024;
const LOOK_MS = 20;

export interface MemoryUse {
  readonly leastMegabytes: number;
  readonly mostMegabytes: number;
}

export interface LargeFileRun {
  readonly isSame: boolean;
  readonly seconds: number;
  readonly server: MemoryUse;
  readonly worker: MemoryUse;
}

export async function runLargeFile({ megabytes, s3 }: { megabytes: number; s3: S3Server }): Promise<LargeFileRun> {
  const folder = temporaryFolder();
  const system = createRealSystem({ write: () => undefined });
  const store = openS3Store({ system, settings: s3.settings, sdk: S3_SDK, patienceMs: 20_000 });
  const environment = { ...s3.environment, WORKER_PAYLOAD_DIR: join(folder.path, "payloads") };
  const never = new AbortController().signal;
  const sent = createHash("sha256");
  await store.write(pieces(megabytes, sent), { bucket: BUCKET, key: "large/file.bin" }, never);

  const server = await new Server({
    environment: { ...s3.environment, TASK_FILES_DIR: join(folder.path, "copies") },
  }).start();
  const worker = startWorker(server, [join(examples, "_workers", "12b-video.ts")], [], environment);
  try {
    const small = await submit(server, "jobs/s3_pipeline", { s3_uri: "" });
    await waitForEnd(server, small);
    const watches = [watch(server.pid), watch(worker.pid)] as const;
    const beganMs = performance.now();
    const id = await submit(server, "jobs/s3_pipeline", { s3_uri: `s3://${BUCKET}/large/file.bin` });
    const job = await waitForEnd(server, id, 1_200_000);
    const seconds = (performance.now() - beganMs) / 1000;
    const [serverUse, workerUse] = [watches[0].end(), watches[1].end()];
    if (job.status !== "finished") throw new Error(`The job ended ${job.status}: ${JSON.stringify(job.error)}`);

    const key = String(job.state_history["processed_video_path"]).slice(`s3://${BUCKET}/`.length);
    const back = join(folder.path, "back");
    await store.fetch({ bucket: BUCKET, key }, back, never);
    const got = createHash("sha256");
    for await (const chunk of createReadStream(back)) got.update(chunk as Buffer);
    return { isSame: got.digest("hex") === sent.digest("hex"), seconds, server: serverUse, worker: workerUse };
  } finally {
    await worker.kill();
    await server.remove();
    folder.remove();
  }
}

/** No two pieces are the same, so that none can stand in another's place unseen. */
async function* pieces(megabytes: number, hash: ReturnType<typeof createHash>): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < megabytes; index++) {
    const piece = new Uint8Array(MIB).fill(index % 251);
    new DataView(piece.buffer).setUint32(0, index);
    hash.update(piece);
    yield piece;
  }
}

function watch(pid: number): { end(): MemoryUse } {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  const look = () => {
    const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    least = Math.min(least, kilobytes / 1024);
    most = Math.max(most, kilobytes / 1024);
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return {
    end() {
      clearInterval(timer);
      return { leastMegabytes: Math.round(least), mostMegabytes: Math.round(most) };
    },
  };
}
