/** The files of a job, for clients: links to put and get them, and a way through us for who cannot reach the store. */
import { Elysia } from "elysia";
import type { Orchestrator } from "../../actors/orchestrator.ts";
import { invalidToken } from "../access/access.ts";
import { filesAreOff, type JobFiles } from "../files/job-files.ts";
import { isTerminal, type JobStatus } from "../job/model.ts";
import { Refusal } from "../system/errors.ts";
import { describe } from "./descriptions.ts";
import type { Door } from "./door.ts";
import { invalidParameter, limitOf, parametersOf } from "./query.ts";
import { json, jsonFor } from "./reply.ts";

export interface FileRoutesOptions {
  readonly orchestrator: Pick<Orchestrator, "jobs">;
  readonly door: Door;
  /** Left out: no store is set up. */
  readonly files?: FilesAtDoors | undefined;
}

export interface FilesAtDoors extends JobFiles {
  /** What comes after a job's end would stay for ever. */
  readonly isCleaned: boolean;
}

const UPLOAD_SECONDS = 3_600;
/** As long as a signature may be good. */
const UPLOAD_SECONDS_MAX = 7 * 86_400;
const DOWNLOAD_SECONDS = 60;

export function fileRoutes(prefix: string, options: FileRoutesOptions, isDescribed: boolean) {
  const told = describe("client", isDescribed);
  return new Elysia({ prefix: `${prefix}/jobs/:id/files` })
    .get("", ({ request, params }) => listFiles(request, params.id, options), told("List its files"))
    .get(
      "/upload",
      ({ request, params }) => uploadLink(request, params.id, options),
      told("Get an address by which a file can be put into the store (?filename=&expires_in=)"),
    )
    .put("/content/*", ({ request, params }) => putContent(request, params.id, nameIn(params["*"]), options), {
      parse: "none",
      ...told("Put a file, through this server"),
    })
    .get(
      "/download/*",
      ({ request, params }) => download(request, params.id, nameIn(params["*"]), options),
      told("Get a file: leads to an address that is good for 60 s"),
    );
}

/** The job first: whoever may not see it learns nothing of what is set up. */
async function filesOf(request: Request, id: string, { door, orchestrator, files }: FileRoutesOptions) {
  const caller = door.client(request);
  const { job } = await orchestrator.jobs.read(caller.viewer, id);
  if (!files) throw filesAreOff();
  return { caller, job, files };
}

async function filesForUpload(request: Request, id: string, options: FileRoutesOptions) {
  const { caller, job, files } = await filesOf(request, id, options);
  refuseIfCleaned(files, job.status);
  return { caller, files };
}

function refuseIfCleaned({ isCleaned }: FilesAtDoors, status: JobStatus): void {
  if (!isCleaned || !isTerminal(status)) return;
  const message = `The job is ${status} and its files are removed: upload them before its end.`;
  throw new Refusal("JOB_IS_OVER", 409, message);
}

async function listFiles(request: Request, id: string, options: FileRoutesOptions): Promise<Response> {
  const { files } = await filesOf(request, id, options);
  const parameters = parametersOf(request);
  const after = parameters.get("cursor") ?? undefined;
  const page = await files.page(id, parameters.get("prefix") ?? "", after, limitOf(parameters), request.signal);
  const listed = page.files.map(({ key, size, etag, modifiedAtMs }) => ({
    filename: key,
    size,
    etag,
    modified_at: new Date(modifiedAtMs).toISOString(),
  }));
  return jsonFor(request, JSON.stringify({ files: listed, next_cursor: page.next ?? null }));
}

async function uploadLink(request: Request, id: string, options: FileRoutesOptions): Promise<Response> {
  const { files } = await filesForUpload(request, id, options);
  const parameters = parametersOf(request);
  const filename = parameters.get("filename");
  if (filename === null || filename === "") {
    throw invalidParameter("filename", "Which file? Give its name: ?filename=config.json");
  }
  const seconds = secondsOf(parameters.get("expires_in"));
  const url = await files.uploadLink(id, filename, seconds);
  return json(JSON.stringify({ url, expires_in: seconds, method: "PUT" }));
}

function secondsOf(text: string | null): number {
  if (text === null) return UPLOAD_SECONDS;
  const seconds = Number(text);
  if (text.trim() !== "" && Number.isInteger(seconds) && seconds >= 1 && seconds <= UPLOAD_SECONDS_MAX) return seconds;
  throw invalidParameter("expires_in", `expires_in must be a whole number of seconds from 1 to ${UPLOAD_SECONDS_MAX}.`);
}

async function putContent(
  request: Request,
  id: string,
  filename: string,
  options: FileRoutesOptions,
): Promise<Response> {
  const { caller, files } = await filesForUpload(request, id, options);
  const stillCounts = async () => {
    if (caller.isAdmitted?.() === false) throw invalidToken("The token was taken away while the file was on its way.");
    refuseIfCleaned(files, (await options.orchestrator.jobs.read(caller.viewer, id)).job.status);
  };
  const { uri, size, etag } = await files.write(id, filename, bodyOf(request, stillCounts), request.signal);
  return json(JSON.stringify({ status: "uploaded", s3_uri: uri, size, etag }));
}

/** What stands for slashes in an address has not been read as such. */
function nameIn(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Refusal(
      "WRONG_FILE_NAME",
      400,
      `${JSON.stringify(path)} is no name in an address: encode it as UTF-8, with %.`,
    );
  }
}

/** A file may take hours: who began with it has to be welcome at its end as well, before the store makes a file of it. */
async function* bodyOf(request: Request, stillCounts: () => Promise<void>): AsyncGenerator<Uint8Array> {
  if (request.body !== null) yield* request.body;
  await stillCounts();
}

async function download(request: Request, id: string, filename: string, options: FileRoutesOptions): Promise<Response> {
  const { files } = await filesOf(request, id, options);
  const url = await files.downloadLink(id, filename, DOWNLOAD_SECONDS, request.signal);
  return new Response(null, { status: 302, headers: { location: url, "cache-control": "no-store" } });
}
