/** Entry of a thread that draws one picture: a large one would hold up everybody's requests. */
import { draw } from "../blueprint/index.ts";
import { messageOf } from "../system/errors.ts";
import type { DrawingAnswer, DrawingRequest } from "./drawing.ts";

declare const self: Worker;

async function answerTo({ graph, format }: DrawingRequest): Promise<DrawingAnswer> {
  try {
    return { bytes: await draw(graph, format) };
  } catch (error) {
    return { failure: messageOf(error) };
  }
}

self.addEventListener(
  "message",
  (event: MessageEvent<DrawingRequest>) => void answerTo(event.data).then((answer) => postMessage(answer)),
);
