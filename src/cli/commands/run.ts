import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { suggestion } from "../../system/nearest.ts";
import { SERVE, WORKER } from "../../config/tables.ts";
import type { JsonMap } from "../../system/errors.ts";
import { createClient } from "../client.ts";
import { type CommandContext, type Flags, withExample, withJson, withSources } from "../command.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { type Follower, followJob } from "../follow.ts";
import { readInput } from "../input.ts";
import { describeJob, exitCodeOfJob } from "../job-view.ts";
import type { RunningServer, WorkerCall } from "../parts.ts";
import { createProgressView, type ProgressView } from "../progress.ts";
import { createDecisions, type WaysToAsk, waysToAsk } from "../run-decisions.ts";
import { createRunLog } from "../run-log.ts";
import { settingsFor } from "../settings.ts";
import { whileRunning } from "../stop.ts";
import type { Terminal } from "../terminal.ts";

export function addRun(program: Command, context: CommandContext): void {
  const command = program
    .command("run")
    .description("one job of a blueprint file, in this process; nothing is kept")
    .argument("<file>", "the blueprint file")
    .option("--worker <file...>", "worker files for its tasks")
    .option("--input <json>", "initial data: JSON, @FILE, or - for standard input (default: {})")
    .option("--blueprint <name>", "which one, where the file has several")
    .option(
      "--decide <decision...>",
      "what the people decide whom it asks, in their order (default: ask at the terminal)",
    );
  withJson(withSources(command), "print the job as it ended");
  withExample(command, 'orchestrator run my-flow.ts --worker my-worker.ts --input \'{"name": "Ada"}\'');
  command.action((file: string, flags: Flags) =>
    context.run(flags, async () => {
      refuseMissing(file, context.terminal);
      const input = await readInput(flags["input"], context.terminal);
      const folder = mkdtempSync(join(tmpdir(), "orchestrator-run-"));
      try {
        const job = await whileRunning(context.terminal, (stop) =>
          runOnce(context, file, flags, { input, folder, stop }),
        );
        context.terminal.out(flags["json"] === true ? `${JSON.stringify(job)}\n` : describeJob(job));
        return exitCodeOfJob(job);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }),
  );
}

interface Once {
  readonly input: JsonMap;
  readonly folder: string;
  readonly stop: AbortSignal;
}

function refuseMissing(file: string, terminal: Terminal): void {
  if (terminal.exists(file)) return;
  throw new CommandFailure(EXIT.wrongUse, "NO_SUCH_FILE", `There is no file ${file}.`);
}

/** A whole server on a folder of its own, one job through it, and everything is stopped again. */
async function runOnce(context: CommandContext, file: string, flags: Flags, once: Once): Promise<JsonMap> {
  const [over, workOver] = [new AbortController(), new AbortController()];
  const stop = AbortSignal.any([once.stop, workOver.signal]);
  const served = Promise.withResolvers<RunningServer>();
  const settings = await serveSettings(context, file, flags, once.folder);
  const view = createProgressView(context.terminal, { advice: ": give --worker FILE" });
  const write = createRunLog({
    format: settings.logFormat,
    showsAll: settings.logLevel === "debug",
    asksNobody: waysToAsk(settings).length === 0,
    nowMs: () => context.terminal.clock.nowMs(),
    say: (text) => view.say(text),
  });
  const server = context.parts.serve({ settings, isForOneJob: true, stop: over.signal, write, ready: served.resolve });
  const stopped = new Promise<never>((_, fail) => {
    const say = () => fail(wasStopped(EXIT.wentWrong));
    if (once.stop.aborted) say();
    else once.stop.addEventListener("abort", say, { once: true });
  });
  const endedEarly = server.then((exitCode) => {
    throw wasStopped(exitCode || EXIT.wentWrong);
  });
  let worker: Promise<number> | undefined;
  try {
    const address = await Promise.race([served.promise, endedEarly, stopped]);
    const files = Array.isArray(flags["worker"]) ? flags["worker"].map(String) : [];
    if (files.length > 0) {
      const print = (text: string) => view.say(text);
      worker = startWorker(context, flags, { files, socket: address.socket, stop, write, print, isForOneJob: true });
    }
    // A worker that cannot start ends the run; one that stops in order leaves the job waiting for the user's signal.
    const workerFailed = new Promise<never>((_, fail) => void worker?.then(refuseFailed).catch(fail));
    return await Promise.race([
      oneJob(context, flags, { address, view, settings, stop, input: once.input }),
      endedEarly,
      stopped,
      workerFailed,
    ]);
  } finally {
    view.close();
    // The worker first: what it says at its end is for a server that is still there.
    workOver.abort();
    await Promise.allSettled([worker]);
    over.abort();
    await Promise.allSettled([server]);
  }
}

function wasStopped(exitCode: number): CommandFailure {
  return new CommandFailure(exitCode, "STOPPED", "The run was stopped before the job ended.");
}

/** It has said why. */
function refuseFailed(exitCode: number): void {
  if (exitCode === EXIT.done) return;
  throw new CommandFailure(exitCode, "WORKER_FAILED", "The worker could not start, so the job cannot be run.");
}

/** Tokens are set, so that none are made and shown: nobody needs them, the job comes in by the local door. */
async function serveSettings(context: CommandContext, file: string, flags: Flags, folder: string) {
  const settings = await settingsFor(SERVE, flags, context.terminal);
  const [clientToken, workerToken, operatorToken] = [randomUUID(), randomUUID(), randomUUID()];
  const here = { host: "127.0.0.1", port: 0, dataDir: folder, blueprints: file } as const;
  const nobodyElse = { clientsConfigPath: undefined, workersConfigPath: undefined } as const;
  return { ...settings, ...here, ...nobodyElse, clientToken, workerToken, operatorToken };
}

async function startWorker(context: CommandContext, flags: Flags, call: Omit<WorkerCall, "settings">): Promise<number> {
  const settings = await settingsFor(WORKER, flags, context.terminal);
  return context.parts.worker({ ...call, settings: { ...settings, url: undefined, token: undefined } });
}

interface OneJob {
  readonly address: RunningServer;
  readonly view: ProgressView;
  readonly settings: WaysToAsk;
  readonly stop: AbortSignal;
  readonly input: JsonMap;
}

async function oneJob({ terminal }: CommandContext, flags: Flags, once: OneJob): Promise<JsonMap> {
  const { address, view, settings, stop, input } = once;
  const client = createClient({ url: "http://localhost", socket: address.socket }, terminal);
  const name = blueprintOf(flags["blueprint"], address.blueprints);
  const { job_id: id } = await client.post(`/api/blueprints/${encodeURIComponent(name)}/jobs`, { initial_data: input });
  const jobId = String(id);
  const given = Array.isArray(flags["decide"]) ? flags["decide"].map(String) : [];
  const decisions = createDecisions({ client, terminal, settings, given, stop, say: (text) => view.say(text) });
  let isOver = false;
  const follower: Follower = {
    waits: (quiet) => view.waits(quiet),
    lost: () => (isOver || stop.aborted ? undefined : view.lost()),
    update(update) {
      view.update(update);
      decisions.see(jobId, update);
    },
  };
  const ended = followJob(client, terminal, jobId, follower);
  return Promise.race([ended, decisions.failed]).finally(() => (isOver = true));
}

function blueprintOf(wanted: unknown, names: readonly string[]): string {
  const [only] = names;
  if (wanted === undefined && only !== undefined && names.length === 1) return only;
  if (typeof wanted === "string" && names.includes(wanted)) return wanted;
  const there = names.length === 0 ? "The file has no blueprint in service" : `The file has ${names.join(", ")}`;
  const asked = typeof wanted === "string" ? `, but not ${wanted}${suggestion(wanted, names)}` : ".";
  const advice = names.length === 0 ? "`orchestrator check FILE` says why." : "Choose one with --blueprint.";
  throw new CommandFailure(EXIT.wrongUse, "WHICH_BLUEPRINT", `${there}${asked} ${advice}`);
}
