/** Pictures of blueprints, drawn in a thread of their own, one after the other. */
import type { Manifest } from "../catalog/port.ts";
import type { Timers } from "../system/clock.ts";
import { Refusal } from "../system/errors.ts";
import { DRAWING_THREAD } from "../threads.ts";

export type PictureFormat = "svg" | "png";

export interface DrawingRequest {
  readonly graph: Pick<Manifest, "name" | "states" | "edges">;
  readonly format: PictureFormat;
}

export type DrawingAnswer = { readonly bytes: Uint8Array } | { readonly failure: string };

export interface Drawing {
  draw(manifest: Manifest, format: PictureFormat): Promise<Uint8Array>;
}

const DRAWING_MS_MAX = 10_000;
const WAITING_MAX = 16;
/** A blueprint's version never changes, and who watches a job asks again and again. */
const KEPT_MAX = 16;

export function createDrawing(timers: Timers): Drawing {
  const kept = new Map<string, Promise<Uint8Array>>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  async function inTurn(request: DrawingRequest): Promise<Uint8Array> {
    if (waiting >= WAITING_MAX) throw tooMany();
    waiting += 1;
    const before = last;
    const own = before.then(() => drawInThread(request, timers));
    last = own.catch(() => undefined);
    return own.finally(() => (waiting -= 1));
  }

  return {
    draw({ hash, name, states, edges }, format) {
      const key = `${hash} ${format} ${name}`;
      const known = kept.get(key);
      if (known) return known;
      const drawn = inTurn({ graph: { name, states, edges }, format });
      kept.set(key, drawn);
      drawn.catch(() => kept.delete(key));
      const [oldest] = kept.keys();
      if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
      return drawn;
    },
  };
}

function drawInThread(request: DrawingRequest, timers: Timers): Promise<Uint8Array> {
  const thread = new Worker(DRAWING_THREAD);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const cancel = timers.after(DRAWING_MS_MAX, () => reject(notDrawn(`it takes more than ${DRAWING_MS_MAX / 1000} s`)));
  thread.addEventListener("message", ({ data }: MessageEvent<DrawingAnswer>) =>
    "bytes" in data ? resolve(data.bytes) : reject(notDrawn(data.failure)),
  );
  thread.addEventListener("error", (event) => {
    event.preventDefault();
    reject(notDrawn(event.message));
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  thread.postMessage(request);
  return promise.finally(() => {
    cancel();
    thread.terminate();
  });
}

function notDrawn(why: string): Refusal {
  return new Refusal(
    "GRAPH_NOT_DRAWN",
    503,
    `The picture could not be drawn (${why}): ask for format=dot and draw that.`,
  );
}

function tooMany(): Refusal {
  const message = "Too many pictures are being drawn: ask again in a few seconds.";
  return new Refusal("TOO_MANY_DRAWINGS", 503, message, undefined, 5);
}
