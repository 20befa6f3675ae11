/** Reading a body, never more of it than allowed. */
import { Refusal } from "../system/errors.ts";

export function readText(request: Request, bytesMax: number): Promise<string> {
  const length = request.headers.get("content-length");
  if (length === null) return readStream(request, bytesMax);
  if (Number(length) > bytesMax) throw tooLarge(bytesMax);
  return request.text();
}

// Nobody said how long it is: it is counted while it comes.
async function readStream(request: Request, bytesMax: number): Promise<string> {
  if (request.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(bytesMax: number): Refusal {
  const message = `The body is larger than ${bytesMax} bytes: send less, or put the data into a file and send its address.`;
  return new Refusal("BODY_TOO_LARGE", 413, message);
}
