/** Bodies that start jobs: bare input, or the envelope of the wire contract, section 3.1. */
import { type JsonMap, type JsonValue, Refusal } from "../system/errors.ts";
import { parseMoment } from "../system/iso.ts";
import { isObject } from "./json.ts";

/** What a client asked for, checked in its form; the blueprint's own schema comes after. */
export interface Creation {
  /** JSON text of an object. */
  readonly initialData: string;
  readonly input: JsonMap;
  /** Where the input lies in the body: a JSON pointer. */
  readonly inputPath: string;
  readonly options: CreationOptions;
}

export interface CreationOptions {
  readonly priority?: number;
  readonly deadlineSeconds?: number;
  readonly dispatchTimeoutSeconds?: number;
  readonly resultTimeoutSeconds?: number;
  readonly webhookUrl?: string;
  readonly security?: string;
  readonly metadata?: string;
  readonly tags?: readonly string[];
  readonly startAtMs?: number;
  readonly uniqueKey?: string;
}

export interface Violation {
  readonly path: string;
  readonly message: string;
}

const ENVELOPE_FIELDS: ReadonlySet<string> = new Set([
  "initial_data",
  "webhook_url",
  "dispatch_timeout",
  "result_timeout",
  "deadline_seconds",
  "priority",
  "security",
  "metadata",
  "tags",
  "start_at",
  "unique_key",
]);
export const TAGS_MAX = 50;
export const TAG_LENGTH_MAX = 200;
const UNIQUE_KEY_LENGTH_MAX = 200;
/** Of most creations. */
export const NO_OPTIONS: CreationOptions = {};

/** `text` is the body as it came: a bare body is passed on as it is and never encoded again. */
export function readCreation(body: JsonMap, at = "", text?: string): Creation {
  if (!isEnvelope(body)) {
    return { initialData: text?.trim() ?? JSON.stringify(body), input: body, inputPath: at, options: NO_OPTIONS };
  }
  const input = body["initial_data"] ?? {};
  const inputPath = `${at}/initial_data`;
  if (isObject(input) && !hasOptions(body)) {
    return { initialData: JSON.stringify(input), input, inputPath, options: NO_OPTIONS };
  }
  const violations: Violation[] = [];
  if (!isObject(input)) violations.push({ path: inputPath, message: "must be an object" });
  const options = readOptions(body, at, violations);
  if (violations.length > 0 || !isObject(input)) throw invalidBody(violations);
  return { initialData: JSON.stringify(input), input, inputPath, options };
}

export const BATCH_JOBS_MAX = 10_000;

export function readBatch(body: JsonMap): readonly Creation[] {
  const jobs = body["jobs"];
  if (!Array.isArray(jobs) || jobs.length === 0) {
    throw invalidBody([{ path: "/jobs", message: 'must be a list of jobs, like [{"initial_data": {}}]' }]);
  }
  if (jobs.length > BATCH_JOBS_MAX) {
    const message = `A batch takes at most ${BATCH_JOBS_MAX} jobs, this one has ${jobs.length}: send it in parts.`;
    throw new Refusal("BATCH_TOO_LARGE", 422, message);
  }
  return jobs.map((job, index) => {
    if (isObject(job)) return readCreation(job, `/jobs/${index}`);
    throw invalidBody([{ path: `/jobs/${index}`, message: "must be an object" }]);
  });
}

export function invalidBody(violations: readonly Violation[]): Refusal {
  const first = violations[0];
  const where = first === undefined ? "the body" : `${first.path || "the body"} ${first.message}`;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more, see details)` : "";
  const details = violations.map(({ path, message }) => ({ path, message }));
  return new Refusal("INVALID_BODY", 422, `The body does not fit: ${where}${more}.`, details);
}

/** The rule that all generations of clients fit: only a body that names the envelope's own fields is one. */
function isEnvelope(body: JsonMap): boolean {
  if ("initial_data" in body) return true;
  return "webhook_url" in body && Object.keys(body).every((key) => ENVELOPE_FIELDS.has(key));
}

/** Most envelopes hold the input alone, and a batch has thousands of them. */
function hasOptions(body: JsonMap): boolean {
  for (const field in body) {
    if (field !== "initial_data" && ENVELOPE_FIELDS.has(field)) return true;
  }
  return false;
}

function readOptions(body: JsonMap, at: string, violations: Violation[]): CreationOptions {
  const read = <Value>(field: string, check: (value: JsonValue) => Value | Violation["message"][]) => {
    const value = body[field];
    if (value === undefined || value === null) return undefined;
    const checked = check(value);
    if (!Array.isArray(checked)) return checked;
    violations.push({ path: `${at}/${field}`, message: checked[0] ?? "is not valid" });
    return undefined;
  };
  const tags = read("tags", tagsOf);
  return compact({
    priority: read("priority", finite),
    deadlineSeconds: read("deadline_seconds", positive),
    dispatchTimeoutSeconds: read("dispatch_timeout", positive),
    resultTimeoutSeconds: read("result_timeout", positive),
    webhookUrl: read("webhook_url", url),
    security: read("security", objectText),
    metadata: read("metadata", objectText),
    tags: tags?.list,
    startAtMs: read("start_at", moment),
    uniqueKey: read("unique_key", uniqueKey),
  });
}

// Each check answers with the value, or with what is wrong as a list of one.

function finite(value: JsonValue): number | string[] {
  return typeof value === "number" ? value : ["must be a number"];
}

function positive(value: JsonValue): number | string[] {
  return typeof value === "number" && value > 0 ? value : ["must be a number of seconds above 0"];
}

function objectText(value: JsonValue): string | string[] {
  return isObject(value) ? JSON.stringify(value) : ["must be an object"];
}

function tagsOf(value: JsonValue): { readonly list: readonly string[] } | string[] {
  const problem = [`must be a list of at most ${TAGS_MAX} texts of 1 to ${TAG_LENGTH_MAX} characters`];
  if (!Array.isArray(value) || value.length > TAGS_MAX) return problem;
  const list = value.filter((tag) => typeof tag === "string" && tag !== "" && tag.length <= TAG_LENGTH_MAX);
  return list.length === value.length ? { list: list as string[] } : problem;
}

function moment(value: JsonValue): number | string[] {
  const ms = typeof value === "string" ? parseMoment(value) : undefined;
  return ms ?? ['must be a moment with its zone, such as "2027-01-31T08:00:00Z"'];
}

function uniqueKey(value: JsonValue): string | string[] {
  const fits = typeof value === "string" && value !== "" && value.length <= UNIQUE_KEY_LENGTH_MAX;
  return fits ? value : [`must be a text of 1 to ${UNIQUE_KEY_LENGTH_MAX} characters`];
}

function url(value: JsonValue): string | string[] {
  if (typeof value !== "string" || !URL.canParse(value)) return ["must be a URL"];
  const parsed = new URL(value);
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") return ["must begin with http:// or https://"];
  // It is stored and shown with the job, where a password has no place.
  if (parsed.username !== "" || parsed.password !== "") return ["must not carry a user name or password"];
  return value;
}

type Defined<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

function compact<Fields extends object>(fields: Fields): Defined<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<Fields>;
}
