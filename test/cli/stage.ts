/** A stage for commands: a terminal that records, parts that a test fills in, and a real server where one is asked for. */
import { runCli } from "../../src/cli/index.ts";
import type { CliParts } from "../../src/cli/parts.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

export interface Played {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

export interface Stage extends Partial<Omit<Terminal, "out" | "err">> {
  readonly files?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Longer timers never go off. */
  readonly pausesMsMax?: number;
  readonly parts?: Partial<CliParts>;
}

export async function play(argv: readonly string[], stage: Stage = {}): Promise<Played> {
  const { files = {}, input = "", parts = {}, pausesMsMax = 1_000, ...terminal } = stage;
  const written = { out: "", err: "" };
  let nowMs = 0;
  const exitCode = await runCli(
    argv,
    { serve: notPlayed, worker: notPlayed, check: notPlayed, ...parts },
    {
      out: (text) => void (written.out += typeof text === "string" ? text : new TextDecoder().decode(text)),
      err: (text) => void (written.err += text),
      isInteractive: false,
      showsOutput: false,
      columns: 80,
      environment: {},
      clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
      // Pauses are skipped, time moves on; watchdogs never bark.
      timers: {
        after(delayMs, run) {
          if (delayMs > pausesMsMax) return () => undefined;
          nowMs += delayMs;
          queueMicrotask(run);
          return () => undefined;
        },
      },
      fetch: (url, options) => fetch(url, options),
      exists: (path) => path in files,
      readFile: async (path) => files[path] ?? "",
      writeFile: async () => undefined,
      readInput: async () => input,
      hasPerson: false,
      readLine: async () => undefined,
      onStop: () => () => undefined,
      ...terminal,
    },
  );
  return { exitCode, ...written };
}

async function notPlayed(): Promise<never> {
  throw new Error("this part is not on stage");
}
