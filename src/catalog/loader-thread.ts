/** Entry of the thread that loads blueprint files. It is ended when its files are done. */
import { relative } from "node:path";
import { messageOf } from "../system/errors.ts";
import { evaluate, prepare } from "./load.ts";
import type { LoaderMessage, LoadRequest } from "./loader-messages.ts";
import { redirectOutput } from "./redirect-output.ts";

declare const self: Worker;

/** Bundling uses the bundler's own threads: enough at once to keep them busy, and no more. */
const AT_ONCE = 16;

function tell(message: LoaderMessage): void {
  postMessage(message);
}

async function loadAll({ files, bundlesFolder, folder }: LoadRequest): Promise<void> {
  const target = {
    bundlesFolder,
    nameOf: (file: string) => relative(folder, file),
    evaluating: (file: string) => tell({ type: "evaluating", file }),
  };
  for (let first = 0; first < files.length; first += AT_ONCE) {
    for (const { result, bundle } of await Promise.all(files.slice(first, first + AT_ONCE).map(prepare))) {
      tell({ type: "loaded", result: bundle ? await evaluate(result, bundle, target) : result });
    }
  }
}

redirectOutput((level, message) => tell({ type: "console", level, message }));
const stray = (error: unknown) => tell({ type: "console", level: "warn", message: `stray error: ${messageOf(error)}` });
process.on("unhandledRejection", stray);
process.on("uncaughtException", stray);
self.addEventListener("message", (event: MessageEvent<LoadRequest>) => void loadAll(event.data));
