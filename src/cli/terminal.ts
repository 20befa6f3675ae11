/** The terminal and the machine around a command, so that a test can stand in for them. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Clock, Timers } from "../system/clock.ts";

export interface Terminal {
  /** Standard output: data. */
  out(text: string | Uint8Array): void;
  /** Standard error: people's text, progress and logs. */
  err(text: string): void;
  /** Standard error is a terminal: a line can be drawn over. */
  readonly isInteractive: boolean;
  /** Standard output is a terminal: bytes that are no text would garble it. */
  readonly showsOutput: boolean;
  readonly columns: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly timers: Timers;
  fetch(url: string, options: BunFetchRequestInit): Promise<Response>;
  exists(path: string): boolean;
  readFile(path: string): Promise<string>;
  writeFile(path: string, content: Uint8Array): Promise<void>;
  readInput(): Promise<string>;
  /** Somebody sits there who can be asked. */
  readonly hasPerson: boolean;
  /** What they answer; undefined at the end of the input, or when it is not waited for any more. */
  readLine(stop: AbortSignal): Promise<string | undefined>;
  /** Calls back on SIGTERM and SIGINT until it is taken back. */
  onStop(stop: () => void): () => void;
}

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

export function realTerminal(system: { readonly clock: Clock; readonly timers: Timers }): Terminal {
  // As it is now: while a worker runs in this process, its code's output may be diverted, and the command's is not.
  const write = process.stdout.write.bind(process.stdout);
  return {
    out(text) {
      endWithoutReader();
      write(text);
    },
    err: (text) => void process.stderr.write(text),
    isInteractive: process.stderr.isTTY === true,
    showsOutput: process.stdout.isTTY === true,
    columns: process.stderr.columns ?? 80,
    environment: process.env,
    clock: system.clock,
    timers: system.timers,
    fetch: (url, options) => fetch(url, options),
    exists: existsSync,
    readFile: (path) => Bun.file(path).text(),
    writeFile: (path, content) => writeFile(path, content),
    readInput: () => Bun.stdin.text(),
    hasPerson: process.stdin.isTTY === true && process.stderr.isTTY === true,
    readLine,
    onStop(stop) {
      for (const signal of STOP_SIGNALS) process.once(signal, stop);
      return () => {
        for (const signal of STOP_SIGNALS) process.removeListener(signal, stop);
      };
    },
  };
}

let isGuarded = false;

/** Who reads the output has had enough, as `head` has: that is no error of the command. */
function endWithoutReader(): void {
  if (isGuarded) return;
  isGuarded = true;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
}

function readLine(stop: AbortSignal): Promise<string | undefined> {
  const reader = createInterface({ input: process.stdin, terminal: false });
  return new Promise((resolve) => {
    const over = () => reader.close();
    stop.addEventListener("abort", over, { once: true });
    reader.once("line", (line) => {
      resolve(line);
      reader.close();
    });
    reader.once("close", () => {
      stop.removeEventListener("abort", over);
      resolve(undefined);
    });
  });
}

export function sleep(terminal: Terminal, delayMs: number): Promise<void> {
  return new Promise((resolve) => void terminal.timers.after(delayMs, resolve));
}
