/** Starting jobs: the hot route. Every step is named here once and costs what it has to. */
import { createHash } from "node:crypto";
import type { Created, Idempotency, NewJob, Orchestrator } from "../../actors/orchestrator.ts";
import { type Caller, invalidToken } from "../access/access.ts";
import type { Attempts } from "../access/quota.ts";
import { staleText } from "../catalog/index.ts";
import type { Catalog, Manifest } from "../catalog/port.ts";
import { type Creation, invalidBody, NO_OPTIONS, readBatch, readCreation } from "../protocol/creation.ts";
import { parseObject } from "../protocol/json.ts";
import { compileSchema, type SchemaCheck } from "../protocol/schema.ts";
import { type JsonMap, messageOf, Refusal } from "../system/errors.ts";
import { readText } from "./body.ts";
import { nearest } from "./nearest.ts";
import { json } from "./reply.ts";
import type { HttpSettings } from "./settings.ts";

export interface Endpoint {
  readonly manifest: Manifest;
  readonly isBatch: boolean;
}

export interface Creator {
  /** `path` is what follows the client prefix: "v1/jobs/simple_flow", with "/batch" behind it for many. */
  endpoint(path: string): Endpoint;
  start(request: Request, caller: Caller, endpoint: Endpoint): Promise<Response>;
  /** One job from the body that came with the request; resolves once it is durable. */
  submitOne(request: Request, caller: Caller, manifest: Manifest, text: string): Promise<readonly Created[]>;
  answerOne(caller: Caller, manifest: Manifest, created: readonly Created[]): Response;
  /** Runs what makes jobs, as many as it is told: they count for the quota of whoever asked, if they come to be. */
  pay<Made>(caller: Caller, make: (admit: Admit) => Promise<Made>): Promise<Made>;
  /** Refuses initial data that the blueprint's newest version does not take. */
  checkInput(blueprint: string, input: JsonMap): void;
}

const BATCH = "/batch";

export function createCreator(
  { jobs, catalog, isReady }: Pick<Orchestrator, "jobs" | "catalog"> & { readonly isReady: () => boolean },
  settings: Pick<HttpSettings, "bodyBytesMax" | "batchBytesMax" | "checkWebhook">,
): Creator {
  const checkInput = createInputCheck();
  const check = (manifest: Manifest, creation: Creation): void => {
    checkInput(manifest, creation);
    const { webhookUrl } = creation.options;
    if (webhookUrl !== undefined) settings.checkWebhook(new URL(webhookUrl));
  };

  const pay: Creator["pay"] = async ({ attempts, isAdmitted }, make) => {
    if (isAdmitted?.() === false) throw invalidToken();
    return attempts === undefined ? make(freely) : payFrom(attempts, make);
  };

  const submit = (caller: Caller, wanted: readonly NewJob[], idempotency: Idempotency | undefined) => {
    const { client, attempts, isAdmitted } = caller;
    // Taken away while the body was coming.
    if (isAdmitted?.() === false) throw invalidToken();
    if (attempts === undefined) return jobs.submit(client, wanted, idempotency, freely);
    return payFrom(attempts, (admit) => jobs.submit(client, wanted, idempotency, admit));
  };

  const submitOne: Creator["submitOne"] = (request, caller, manifest, text) => {
    const creation = readCreation(parseObject(text), "", text);
    check(manifest, creation);
    const idempotency = idempotencyOf(request, manifest.name, text);
    return submit(caller, [newJob(manifest.name, creation, traceOf(request.headers))], idempotency);
  };

  const answerOne: Creator["answerOne"] = (caller, manifest, created) => {
    const one = created[0];
    // Who mends blueprints has to hear that it is not the mended one that runs.
    const warning = caller.isOperator ? staleText(manifest.name, catalog.refused()) : undefined;
    return json(accepted(one, warning), one?.existing ? 200 : 202);
  };

  const one = async (request: Request, caller: Caller, manifest: Manifest): Promise<Response> => {
    const text = await readText(request, settings.bodyBytesMax);
    return answerOne(caller, manifest, await submitOne(request, caller, manifest, text));
  };

  const many = async (request: Request, caller: Caller, manifest: Manifest): Promise<Response> => {
    const text = await readText(request, settings.batchBytesMax);
    const creations = readBatch(parseObject(text));
    for (const creation of creations) check(manifest, creation);
    const idempotency = idempotencyOf(request, `${manifest.name}${BATCH}`, text);
    const trace = traceOf(request.headers);
    const wanted = creations.map((creation) => newJob(manifest.name, creation, trace));
    const created = await submit(caller, wanted, idempotency);
    return json(`{"jobs":[${created.map((one) => accepted(one)).join(",")}]}`, 202);
  };

  return {
    endpoint(path) {
      const found = resolveEndpoint(catalog, path);
      if (found !== undefined) return found;
      if (!isReady()) throw notReady();
      throw unknownEndpoint(catalog, path);
    },
    pay,
    checkInput(blueprint, input) {
      const manifest = catalog.current(blueprint);
      if (manifest) checkInput(manifest, { input, inputPath: "/initial_data" });
    },
    start: (request, caller, { manifest, isBatch }) => (isBatch ? many : one)(request, caller, manifest),
    submitOne,
    answerOne,
  };
}

type Admit = (made: number) => void;

const freely: Admit = () => undefined;

/** Only what is really made counts: the first answer to a key is given again without a quota. */
async function payFrom<Made>(attempts: Attempts, make: (admit: Admit) => Promise<Made>): Promise<Made> {
  const taken: (() => void)[] = [];
  try {
    return await make((made) => void taken.push(attempts.create(made)));
  } catch (error) {
    for (const giveBack of taken) giveBack();
    throw error;
  }
}

export function resolveEndpoint(catalog: Catalog, path: string): Endpoint | undefined {
  const trimmed = path.endsWith("/") ? path.slice(0, -1) : path;
  const manifest = catalog.byPath(trimmed);
  if (manifest !== undefined) return { manifest, isBatch: false };
  if (!trimmed.endsWith(BATCH)) return undefined;
  const inner = catalog.byPath(trimmed.slice(0, -BATCH.length));
  return inner === undefined ? undefined : { manifest: inner, isBatch: true };
}

export function notReady(): Refusal {
  return new Refusal(
    "NOT_READY",
    503,
    "The server is still loading its blueprints: try again in a second.",
    undefined,
    1,
  );
}

function unknownEndpoint(catalog: Catalog, path: string): Refusal {
  const near = nearest(path, catalog.list().flatMap(pathOf));
  const hint = near.length === 0 ? "see /_public/openapi.json for those that there are" : `did you mean ${near[0]}?`;
  return new Refusal("ENDPOINT_NOT_FOUND", 404, `No blueprint has the endpoint "${path}": ${hint}`, {
    near: [...near],
  });
}

function pathOf({ apiVersion, endpoint }: Manifest): string[] {
  if (endpoint === undefined) return [];
  return [apiVersion === "" ? endpoint : `${apiVersion}/${endpoint}`];
}

function accepted(created: Created | undefined, warning?: string): string {
  const existing = created?.existing ? ',"existing":true' : "";
  const warned = warning === undefined ? "" : `,"warning":${JSON.stringify(warning)}`;
  return `{"status":"accepted","job_id":"${created?.id}"${existing}${warned}}`;
}

function newJob(blueprint: string, { initialData, options }: Creation, trace: NewJob["trace"]): NewJob {
  if (options === NO_OPTIONS && trace === undefined) return { blueprint, initialData };
  return { blueprint, initialData, ...options, ...(trace !== undefined && { trace }) };
}

type InputCheck = (manifest: Manifest, creation: Pick<Creation, "input" | "inputPath">) => void;

/** A schema is compiled once; the version of the blueprint that goes takes what was compiled with it. */
function createInputCheck(): InputCheck {
  const compiled = new WeakMap<object, SchemaCheck>();
  return ({ inputSchema, name }, { input, inputPath }) => {
    if (inputSchema === undefined) return;
    let check = compiled.get(inputSchema);
    if (check === undefined) {
      check = compileFor(name, inputSchema);
      compiled.set(inputSchema, check);
    }
    const violations = check(input, inputPath);
    if (violations !== undefined) throw invalidBody(violations);
  };
}

function compileFor(name: string, schema: object): SchemaCheck {
  try {
    return compileSchema(schema);
  } catch (error) {
    const message = `The input schema of blueprint "${name}" cannot be used, so that nothing can be checked against it: ${messageOf(error)}`;
    throw new Refusal("SCHEMA_UNSUPPORTED", 500, message);
  }
}

const KEY_LENGTH_MAX = 255;

function idempotencyOf(request: Request, target: string, text: string): Idempotency | undefined {
  const key = idempotencyKeyOf(request);
  if (key === undefined) return undefined;
  // The same body to another blueprint is another request.
  return { key, bodyHash: createHash("sha256").update(`${target}\n${text}`).digest("hex") };
}

export function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers.get("idempotency-key");
  if (key === null) return undefined;
  if (key === "" || key.length > KEY_LENGTH_MAX) {
    const message = `Idempotency-Key must have 1 to ${KEY_LENGTH_MAX} characters: send a shorter one, such as a UUID.`;
    throw new Refusal("INVALID_IDEMPOTENCY_KEY", 422, message);
  }
  return key;
}

const TRACE_HEADERS = ["traceparent", "tracestate", "baggage"];
const TRACE_LENGTH_MAX = 8192;

// Only these: other headers may be secrets, and whoever reads the job reads its trace.
function traceOf(headers: Headers): Readonly<Record<string, string>> | undefined {
  if (!headers.has("traceparent") && !headers.has("baggage")) return undefined;
  const trace: Record<string, string> = {};
  for (const name of TRACE_HEADERS) {
    const value = headers.get(name);
    if (value !== null && value.length <= TRACE_LENGTH_MAX) trace[name] = value;
  }
  return trace;
}
