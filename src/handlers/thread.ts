/** Entry of a thread that runs handlers. What handlers do to their thread is caught here, as far as it can be. */
import { redirectOutput } from "../catalog/index.ts";
import { openS3Store } from "../files/s3/index.ts";
import { createTaskFiles } from "../files/task-files.ts";
import { createRealSystem } from "../system/real.ts";
import { runningHandler } from "./marked.ts";
import { createMarkWriter } from "./running-mark.ts";
import { createThreadSession, type ThreadSession } from "./thread-session.ts";

declare const self: Worker;

function startSession(markBuffer: SharedArrayBuffer): ThreadSession {
  const system = createRealSystem({ level: "debug", write: (line) => session.log(line) });
  const session = createThreadSession({
    system,
    post: (text) => postMessage(text),
    mark: createMarkWriter(markBuffer),
    openFiles: (settings) =>
      createTaskFiles({
        store: openS3Store({ system, settings, sdk: settings.sdk, patienceMs: settings.patienceMs }),
        folder: settings.folder,
      }),
  });
  redirectOutput((level, message) => session.log({ level, message, fields: fieldsOfRunning() }));
  process.on("unhandledRejection", (error) => session.stray(error));
  process.on("uncaughtException", (error) => session.stray(error));
  return session;
}

function fieldsOfRunning(): object {
  const running = runningHandler.getStore();
  return running ? { job_id: running.jobId, blueprint: running.blueprint, state: running.state } : {};
}

let session: ThreadSession | undefined;

/** The first message is the memory for the mark, all others are batches. */
self.addEventListener("message", ({ data }: MessageEvent<SharedArrayBuffer | string>) => {
  if (typeof data !== "string") session = startSession(data);
  else session?.receive(data);
});
