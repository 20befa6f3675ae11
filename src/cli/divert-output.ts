/** Where standard output is one document, it is not for the code of a user's files that runs in this same thread. */
import { Console } from "node:console";
import { Writable } from "node:stream";

/** From now on `print` takes what that code prints. Returns what puts everything back. */
export function divertOutput(print: (text: string) => void): () => void {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Uint8Array, _, done) {
      print(textOf(chunk));
      done();
    },
  });
  const own: Partial<Record<string, unknown>> = { ...new Console(stream, stream) };
  const usual = { ...console };
  for (const name of Object.keys(usual))
    if (typeof own[name] === "function") Object.assign(console, { [name]: own[name] });
  const { write } = process.stdout;
  process.stdout.write = stream.write.bind(stream) as typeof write;
  return () => {
    Object.assign(console, usual);
    process.stdout.write = write;
  };
}

function textOf(chunk: string | Uint8Array): string {
  return typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
}
