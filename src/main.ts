/** Joins it all: what the commands of the program are made of. The one file that names the adapters. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createSchedules } from "../actors/schedules/schedules.ts";
import { OUTBOX_RULES } from "../actors/outbox/decide.ts";
import { createEngine, type Engine, ENGINE_DEFAULTS } from "../actors/tree.ts";
import { refuseBlueprintModule, registerWorkerModule, runWorkerFiles } from "../worker/main.ts";
import { untilUnwatched, watchWorkerFiles } from "../worker/watch/index.ts";
import { type Access, createAccess } from "./access/access.ts";
import { createQuota } from "./access/quota.ts";
import { createTokenFiles, withUsualPaths } from "./access/token-files.ts";
import { AUDIENCES, ensureTokens } from "./access/tokens.ts";
import { bundlePath, checkFiles, createCatalog } from "./catalog/index.ts";
import { runCli } from "./cli/index.ts";
import type { CliParts, ServeCall, WorkerCall } from "./cli/parts.ts";
import { divertOutput } from "./cli/divert-output.ts";
import { watchedCommand } from "./cli/watched-command.ts";
import { realTerminal } from "./cli/terminal.ts";
import { version } from "./cli/version.ts";
import type { ServeSettings } from "./config/tables.ts";
import { createJobFiles, createLocalCopies } from "./files/job-files.ts";
import { openS3Store } from "./files/s3/index.ts";
import { describeFiles, readFilesSettings } from "./files/settings.ts";
import { createThreadPool } from "./handlers/index.ts";
import { limitsFrom } from "./http/limits.ts";
import { DEFAULT_HTTP_SETTINGS } from "./http/settings.ts";
import { createHttpServer } from "./http/server.ts";
import { decisionsOf } from "./job/pause.ts";
import { isTerminal } from "./job/model.ts";
import { jobStateText } from "./job/state-text.ts";
import { readSource } from "./schedules/read.ts";
import { createScheduleSource } from "./schedules/source.ts";
import { createFilesCleanup } from "./notify/files-cleanup.ts";
import { createNotify } from "./notify/index.ts";
import { createActorSystem } from "./runtime/system.ts";
import { HEART_THREAD, S3_SDK } from "./threads.ts";
import { createFolderWatch } from "./storage/sqlite/folder-watch.ts";
import { openSqliteStorage } from "./storage/sqlite/index.ts";
import type { System } from "./system/index.ts";
import { isUuid } from "./system/ids.ts";
import type { Service } from "./system/lifecycle.ts";
import type { Log, LogLine } from "./system/log.ts";
import { lineFormat } from "./system/log-line.ts";
import { createRealSystem } from "./system/real.ts";

const EXIT_STORE_LOST = 1;
const EXIT_RESTART = 75;
const DAY_MS = 86_400_000;
/** Somebody waits for the answer; handlers and workers have more time. */
const FILES_PATIENCE_MS = 8_000;
/** Two threads for handlers, and the doors. */
const FILES_USERS = 3;

function systemFor(
  { logLevel, logFormat }: Pick<ServeSettings, "logLevel" | "logFormat">,
  write?: (line: LogLine) => void,
): System {
  const format = lineFormat(logFormat, process.stderr.isTTY === true);
  return createRealSystem({
    level: logLevel,
    write: write ?? ((line) => void process.stderr.write(format(line, Date.now()))),
  });
}

async function serve({ settings, notes = [], stop, ready, write, isForOneJob }: ServeCall): Promise<number> {
  // Whatever is written from now on is for the server's user alone: inputs and results of jobs among it.
  process.umask(0o077);
  const system = systemFor(settings, write);
  const { log } = system;
  for (const note of notes) log.warn(note);
  const failed = Promise.withResolvers<number>();
  const scheduleSource = isForOneJob
    ? undefined
    : createScheduleSource({ path: settings.schedulesConfigPath, timers: system.timers });
  const files = filesFrom(settings, system);
  // What is wrong in the file itself is said before anything is opened.
  await readSource(scheduleSource, settings.timezone);
  const storage = await openSqliteStorage({
    ...system,
    folder: settings.dataDir,
    writesInThread: true,
    programVersion: version,
    onFatal: (error) => {
      log.error("The disk failed and nobody knows what it holds; the server ends and must be started again.", {
        error: String(error),
      });
      process.exit(EXIT_STORE_LOST);
    },
  });
  const { clientsConfigPath: clients, workersConfigPath: workers, quotaCounts: counts } = settings;
  const named = { clients, workers };
  const tokenPaths = isForOneJob ? { paths: named } : withUsualPaths(named);
  const configured = {
    ...(settings.clientToken && { client: settings.clientToken }),
    ...(settings.workerToken && { worker: settings.workerToken }),
    ...(settings.operatorToken && { operator: settings.operatorToken }),
  };
  // Where each worker has a token of its own, a shared one is the user's wish alone.
  const hasWorkersFile = workers !== undefined || existsSync(tokenPaths.paths.workers ?? "");
  const wanted = AUDIENCES.filter((audience) => audience !== "worker" || !hasWorkersFile);
  const tokens = await ensureTokens(storage.registers, system.random, configured, wanted);
  const quota = createQuota({ system, registers: storage.registers, counts, timeZone: settings.timezone });
  const isWorkerTokenSet = configured.worker !== undefined;
  const access = createAccess(tokens.hashes, { quota, isWorkerTokenSet });
  if (!isWorkerTokenSet) tellOfWorkersFile(access, log);
  const tokenFiles = createTokenFiles({ ...tokenPaths, access, system });

  const bundlesFolder = join(settings.dataDir, "bundles");
  mkdirSync(bundlesFolder, { recursive: true });
  const catalog = createCatalog({
    ...system,
    folder: settings.blueprints,
    bundlesFolder,
    registers: storage.registers,
    sdkVersion: version,
  });
  const runner = createThreadPool({
    system,
    files: files && { ...files.settings, folder: files.folder, sdk: S3_SDK },
    host: {
      jobState: (asking, id) => engineJobState(engine, asking, id),
      dataStores: { ask: (question) => engine.stores.ask(question) },
    },
    onLost: (jobId) => engine.stores.lost(jobId),
    bundlePath: (hash) => bundlePath(bundlesFolder, hash),
    runLogPath: join(settings.dataDir, "runs.log"),
    onUndead: (count) => {
      if (count >= 4) failed.resolve(EXIT_RESTART);
    },
  });
  const notify = createNotify({
    system,
    settings,
    version,
    secret: await storage.registers.secret(),
    outbox: storage.outbox,
    filesCleanup: files && createFilesCleanup({ jobs: storage.jobs, removeAll: files.jobs.removeAll }),
    questions: {
      async open(id) {
        const { job } = await engine.jobs.read(undefined, id);
        const { pause, visit } = job;
        return pause?.kind === "approval" ? { visit, decisions: decisionsOf(pause.transitions) } : undefined;
      },
      decide: (id, answer) => engine.jobs.decide(undefined, id, answer),
    },
    ownUrl: () => http.url,
  });
  const engine = createEngine({
    system,
    storage,
    catalog,
    runner,
    sender: notify.sender,
    ended: files?.copies.remove,
    actors: createActorSystem({
      ...system,
      // Those under the root keep what they know outside of themselves: they go on after a message that failed.
      supervision: { decide: () => "resume", maxRestarts: 10, windowMs: 60_000 },
      onFailure: () => failed.resolve(EXIT_RESTART),
    }),
    settings: {
      ...ENGINE_DEFAULTS,
      taskAttempts: settings.jobMaxRetries + 1,
      keptMs: settings.retentionDays === undefined ? undefined : settings.retentionDays * DAY_MS,
      maxSteps: settings.maxTransitionsPerJob,
      cancelGraceMs: settings.cancelGraceSeconds * 1000,
      workerTimeoutMs: settings.workerTimeoutSeconds * 1000,
      workerRecordMs: settings.workerHealthCheckIntervalSeconds * 2000,
      cleansFiles: files?.isCleaned === true,
      isStrictOnEvents: settings.strictEventValidation,
      reputation: {
        successReward: settings.reputationRewardSuccess,
        failurePenalty: settings.reputationPenaltyTaskFailure,
        violationPenalty: settings.reputationPenaltyContractViolation,
        recoveryPerHour: settings.reputationRecoveryPerHour,
        threshold: settings.reputationMinThreshold,
      },
      outbox: { ...OUTBOX_RULES, giveUpMs: settings.outboxRetrySeconds * 1000 },
    },
  });
  const schedules = createSchedules({
    system,
    jobs: engine.jobs,
    reader: storage.jobs,
    registers: storage.registers,
    catalog,
    source: scheduleSource,
    serverZone: settings.timezone,
  });
  const socket = join(settings.dataDir, "orchestrator.sock");
  const http = createHttpServer({
    orchestrator: engine,
    schedules,
    access,
    tokenFiles,
    quota,
    approvals: notify.approvals,
    files: files && { ...files.jobs, isCleaned: files.isCleaned },
    limits: limitsFrom(settings, system.clock),
    system,
    openSocketPath: socket,
    settings: {
      ...DEFAULT_HTTP_SETTINGS,
      host: settings.host,
      port: settings.port,
      pollMs: settings.workerPollTimeoutSeconds * 1000,
      checkWebhook: notify.targets.check,
      version,
    },
  });

  const folderWatch = createFolderWatch({
    folder: settings.dataDir,
    timers: system.timers,
    gone(file) {
      log.error(
        "The data folder was removed or replaced under the running server, which could keep nothing any more: the server ends. Put the folder back, or start the server to begin with an empty one.",
        { file },
      );
      process.exit(EXIT_STORE_LOST);
    },
  });

  const services: Service[] = [
    folderWatch,
    quota,
    tokenFiles,
    runner,
    catalog,
    engine,
    schedules,
    http,
    notify.updates,
  ];
  try {
    for (const service of services) await service.start();
    await tokens.keep();
    showMade(tokens.made);
    void files?.copies.sweep(
      async (id) => isUuid(id) && isTerminal((await storage.jobs.load(id))?.status ?? "running"),
    );
    log.info(`The orchestrator serves at ${http.url}`, { version, data_dir: settings.dataDir });
    ready?.({ url: http.url, socket, blueprints: catalog.list().map((manifest) => manifest.name) });
    return await Promise.race([stopped(stop), failed.promise]);
  } finally {
    log.info("The server stops: it answers what it began.");
    for (const service of services.toReversed()) await service.stop();
    await storage.close();
    log.info("The server has stopped.");
  }
}

/** Undefined: no store of files is set up. */
function filesFrom(settings: ServeSettings, system: System) {
  const { log } = system;
  const read = readFilesSettings({
    endpoint: settings.s3EndpointUrl,
    region: settings.s3Region,
    accessKey: settings.s3AccessKey,
    secretKey: settings.s3SecretKey,
    bucket: settings.s3Bucket,
    concurrency: settings.s3MaxConcurrency,
    patienceSeconds: settings.s3PatienceSeconds,
  });
  for (const warning of read.warnings) log.warn(warning);
  if (!read.settings) {
    if (settings.s3AutoCleanup) log.warn("S3_AUTO_CLEANUP has no effect, because S3 is off: set S3_ENDPOINT_URL too.");
    return undefined;
  }
  const concurrency = Math.max(1, Math.floor(read.settings.concurrency / FILES_USERS));
  const own = { ...read.settings, concurrency };
  const { taskFilesDir: folder, s3AutoCleanup: isCleaned } = settings;
  log.info("S3 is on: handlers have taskFiles, and clients put and get files.", {
    ...describeFiles(own),
    local_copies: folder,
    cleanup: isCleaned ? "a job's files are removed at its end" : "files stay",
  });
  const patienceMs = Math.min(FILES_PATIENCE_MS, own.patienceMs);
  const jobs = createJobFiles(openS3Store({ system, settings: own, sdk: S3_SDK, patienceMs }));
  return { settings: own, folder, isCleaned, jobs, copies: createLocalCopies(folder, log) };
}

async function engineJobState(engine: Engine, askingJobId: string, jobId: string): Promise<string | undefined> {
  const job = await engine.jobState(askingJobId, jobId);
  return job && jobStateText(job);
}

/** Said when the file is read for the first time: until then a shared token may have let anybody in. */
function tellOfWorkersFile(access: Access, log: Log): void {
  let isTold = false;
  access.onChange(() => {
    if (isTold || access.workers === undefined) return;
    isTold = true;
    log.info("Over the network only workers of the file of workers come in: set WORKER_TOKEN to let others in too.");
  });
}

/** Shown once, on standard error; the store keeps hashes alone. */
function showMade(made: { readonly [audience: string]: string | undefined }): void {
  const lines = Object.entries(made).flatMap(([audience, token]) =>
    token === undefined ? [] : [`${audience.toUpperCase()}_TOKEN=${token}\n`],
  );
  if (lines.length === 0) return;
  const head = "Tokens, made at this first start and shown this once (only their hashes are kept):\n";
  process.stderr.write(head + lines.join(""));
}

function stopped(stop: AbortSignal): Promise<number> {
  if (stop.aborted) return Promise.resolve(0);
  return new Promise((resolve) => stop.addEventListener("abort", () => resolve(0), { once: true }));
}

async function worker(call: WorkerCall): Promise<number> {
  const { files, settings, socket, write } = call;
  const system = systemFor(settings, write);
  if (call.watch === true) {
    const { argv, environment } = watchedCommand(call, call.environment ?? process.env);
    return watchWorkerFiles({ files, system, stop: call.stop, argv, environment });
  }
  registerWorkerModule();
  refuseBlueprintModule();
  // Not put back: what a task still prints once the worker has stopped belongs nowhere else.
  if (call.print) divertOutput(call.print);
  // What an --env-file says is there for the tasks as well.
  Object.assign(process.env, call.environment);
  const { url, token, id, transport, concurrency, dataDir, port } = settings;
  const usualUrl = port === undefined ? undefined : `http://localhost:${port}`;
  const shutdownMs = call.isForOneJob === true ? 0 : undefined;
  const overrides = { url, usualUrl, socket, token, id, transport, concurrency, dataDir, shutdownMs };
  return runWorkerFiles(files, {
    overrides,
    stop: untilUnwatched(call.stop),
    system,
    heartThread: HEART_THREAD,
    heartLog: { level: settings.logLevel, format: settings.logFormat },
    filesSdk: S3_SDK,
  });
}

const outside = systemFor({ logLevel: "warn", logFormat: "text" });
const parts: CliParts = {
  serve,
  worker,
  check: (paths) => checkFiles(paths, outside),
};

const exitCode = await runCli(process.argv.slice(2), parts, realTerminal(outside));
process.exitCode = exitCode;
// A thread that stands in a call which nothing can interrupt would keep the program alive; a reader that takes its time gets all.
process.stdout.end(() => process.exit(exitCode));
