/** Follows a job until it ends, over broken connections and restarts of the server. */
import type { JsonMap } from "../system/errors.ts";
import { isTerminal, isJobStatus } from "../job/model.ts";
import { type Client, isObject } from "./client.ts";
import { readEvents, type ServerEvent } from "./event-stream.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { sleep, type Terminal } from "./terminal.ts";
import { type Quiet, watchQuiet } from "./waiting.ts";

/** So long a server may be away before watching gives up. */
export const PATIENCE_MS = 30_000;
const PAUSE_MS = 500;
/** The server sends a comment every 15 s: a connection that is silent for longer is dead. */
const SILENCE_MS = 40_000;

export interface JobUpdate {
  readonly id?: string;
  readonly event: string;
  readonly data: JsonMap;
}

export interface Follower {
  update(update: JobUpdate): void;
  /** The connection is gone; it is tried again. */
  lost(): void;
  /** Nothing happens, and this is why. */
  waits(quiet: Quiet): void;
}

/** Resolves with the job as the server reads it, once it is terminal. */
export async function followJob(
  client: Client,
  terminal: Terminal,
  jobId: string,
  follower: Follower,
): Promise<JsonMap> {
  const path = `/api/jobs/${encodeURIComponent(jobId)}`;
  const position: Position = { lastHeardMs: terminal.clock.monotonicMs() };
  const quiet = watchQuiet({ client, terminal, jobPath: path, waitsFor: (reason) => follower.waits(reason) });
  const isNews = createNewsFilter();
  const heard: Follower = {
    ...follower,
    update(update) {
      quiet.heard();
      if (isNews(update)) follower.update(update);
    },
  };
  try {
    for (;;) {
      const failure = await readOnce(client, terminal, path, position, heard);
      const job = await readEnded(client, terminal, path, position);
      if (job) return job;
      if (failure && terminal.clock.monotonicMs() - position.lastHeardMs >= PATIENCE_MS) throw failure;
      follower.lost();
      await sleep(terminal, PAUSE_MS);
    }
  } finally {
    quiet.stop();
  }
}

/** Progress is told live, and once more by the history when the connection had to be made anew: that is older than what was seen. */
function createNewsFilter(): (update: JobUpdate) => boolean {
  let newest = "";
  return ({ event, data }) => {
    const { timestamp } = data;
    if (event !== "progress" || typeof timestamp !== "string") return true;
    if (timestamp < newest) return false;
    // Several tasks may tell theirs in one moment; the history's own has no task.
    const isRepeated = timestamp === newest && data["task_id"] === undefined;
    newest = timestamp;
    return !isRepeated;
  };
}

interface Position {
  lastEventId?: string;
  lastHeardMs: number;
}

async function readOnce(
  client: Client,
  terminal: Terminal,
  path: string,
  position: Position,
  follower: Follower,
): Promise<unknown> {
  const controller = new AbortController();
  const watchdog = createWatchdog(terminal, () => controller.abort());
  try {
    const headers = position.lastEventId === undefined ? {} : { "last-event-id": position.lastEventId };
    const response = await client.open(`${path}/events`, headers, controller.signal);
    if (!response.body) return undefined;
    for await (const event of readEvents(watchdog.watch(response.body, position))) {
      if (event.id !== undefined) position.lastEventId = event.id;
      follower.update(toUpdate(event));
      if (event.event === "end") return undefined;
    }
    return undefined;
  } catch (error) {
    if (isFinal(error)) throw error;
    return error;
  } finally {
    watchdog.stop();
    controller.abort();
  }
}

/** The stream's end is not trusted alone: what counts is what the server reads. */
async function readEnded(
  client: Client,
  terminal: Terminal,
  path: string,
  position: Position,
): Promise<JsonMap | undefined> {
  try {
    const job = await client.get(path);
    position.lastHeardMs = terminal.clock.monotonicMs();
    const status = job["status"];
    return typeof status === "string" && isJobStatus(status) && isTerminal(status) ? job : undefined;
  } catch (error) {
    if (isFinal(error)) throw error;
    return undefined;
  }
}

/** Waiting does not help: the job is unknown, or the token is refused. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof CommandFailure)) return false;
  return error.exitCode === EXIT.notFound || error.exitCode === EXIT.wrongUse || error.exitCode === EXIT.refused;
}

function createWatchdog(terminal: Terminal, bark: () => void) {
  let cancel = terminal.timers.after(SILENCE_MS, bark);
  return {
    stop: () => cancel(),
    watch(body: ReadableStream<Uint8Array>, position: Position): ReadableStream<Uint8Array> {
      const heard = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          position.lastHeardMs = terminal.clock.monotonicMs();
          cancel();
          cancel = terminal.timers.after(SILENCE_MS, bark);
          controller.enqueue(chunk);
        },
      });
      return body.pipeThrough(heard);
    },
  };
}

function toUpdate(event: ServerEvent): JobUpdate {
  return {
    event: event.event,
    data: parseData(event.data),
    ...(event.id !== undefined && { id: event.id }),
  };
}

function parseData(text: string): JsonMap {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    // A newer server may send what this program does not read: it is shown as text.
    return { text };
  }
}
