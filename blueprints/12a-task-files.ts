/**
 * Recipe 12a: files in S3, read and written by handlers. A configuration in the job's own folder
 * (jobs/{job id}/ in the bucket) decides which way the job goes; the result is written beside it.
 *
 * The server needs a store of files, of AWS or of anybody who speaks as it does:
 *   S3_ENDPOINT_URL=http://127.0.0.1:9000 S3_BUCKET=work S3_ACCESS_KEY=… S3_SECRET_KEY=… orchestrator serve
 *
 * Try it:
 *   orchestrator jobs submit s3_ops_flow --wait                                           there is no config.json: config_missing
 *   orchestrator jobs submit s3_ops_flow --wait --input '{"config": "s3://work/fast.json"}'   a file of your own, {"mode": "fast"}
 *   orchestrator jobs submit s3_ops_flow --input '{"waits": true}'                         waits for its files. JOB is the id that it prints:
 *     FILES=http://127.0.0.1:8080/api/v1/jobs/JOB/files AUTH="X-Client-Token: $OPERATOR_TOKEN"
 *     curl -X PUT -H "$AUTH" --data '{"mode": "deep"}' $FILES/content/config.json
 *     curl -X PUT -H "$AUTH" --data 'two words' $FILES/content/dataset/a.txt
 *     orchestrator jobs event JOB files_uploaded
 *     curl -L -H "$AUTH" $FILES/download/result.txt
 * Without S3 the job ends in failed, and says why.
 */
import { Blueprint } from "orchestrator";

interface Config {
  mode?: string;
}

const s3Ops = new Blueprint({ name: "s3_ops_flow", apiEndpoint: "jobs/s3_ops" });

s3Ops.handlerFor("check_config", { isStart: true }, async ({ initialData, taskFiles }, actions) => {
  if (!taskFiles) {
    actions.transitionTo("failed", { errorMessage: "there is no store of files: set S3_ENDPOINT_URL" });
    return;
  }
  try {
    const config = await taskFiles.readJson<Config>(initialData.config ?? "config.json");
    actions.transitionTo(config.mode === "fast" ? "fast_processing" : "deep_processing");
  } catch (error) {
    // A store that is away, or wrong keys, say nothing about the file: then the handler runs again.
    if (!isMissing(error)) throw error;
    actions.transitionTo(initialData.waits === true ? "wait_for_files" : "config_missing");
  }
});

s3Ops.handlerFor("wait_for_files", (_context, actions) => {
  actions.waitForEvent({
    event: "files_uploaded",
    timeoutSeconds: 3600,
    transitions: { received: "check_uploaded", timeout: "config_missing" },
  });
});

s3Ops.handlerFor("check_uploaded", async ({ taskFiles }, actions) => {
  if (!(await taskFiles?.exists("config.json"))) {
    actions.transitionTo("config_missing");
    return;
  }
  const config = await taskFiles?.readJson<Config>("config.json");
  actions.transitionTo(config?.mode === "fast" ? "fast_processing" : "deep_processing");
});

s3Ops.handlerFor("fast_processing", async ({ stateHistory, taskFiles }, actions) => {
  stateHistory["result"] = await taskFiles?.writeText("result.txt", "Done fast.");
  actions.transitionTo("finished");
});

/** A whole folder comes, and a whole folder goes. */
s3Ops.handlerFor("deep_processing", async ({ stateHistory, taskFiles }, actions) => {
  if (!taskFiles) {
    actions.transitionTo("failed", { errorMessage: "there is no store of files any more" });
    return;
  }
  const counts: Record<string, number> = {};
  if (await taskFiles.exists("dataset/")) {
    await taskFiles.download("dataset/");
    for (const name of await taskFiles.list("dataset/")) {
      const text = await taskFiles.readText(name);
      counts[name] = text.split(/\s+/).filter((word) => word !== "").length;
      await Bun.write(taskFiles.pathTo(`report/${name}`), `${counts[name]} words\n`);
    }
    stateHistory["report"] = await taskFiles.upload("report");
  }
  await taskFiles.writeJson("counts.json", counts);
  stateHistory["result"] = await taskFiles.writeText("result.txt", "Done deeply.");
  actions.transitionTo("finished");
});

s3Ops.handlerFor("config_missing", { isEnd: true }, ({ log }) => {
  log.warn("nobody said how the job is to be done");
});

s3Ops.handlerFor("finished", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("done", { result: stateHistory["result"] });
});

s3Ops.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.error("could not be done", { error });
});

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "FILE_NOT_FOUND";
}

export default s3Ops;
