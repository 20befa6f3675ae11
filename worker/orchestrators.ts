/**
 * Which orchestrators a worker serves, and with which token. A flag beats `ORCHESTRATORS_CONFIG`,
 * that beats `ORCHESTRATOR_URL`; where nothing is said, the local door or the usual address.
 */
import { dirname, resolve } from "node:path";
import { suggestion } from "../src/system/nearest.ts";
import type { Access } from "./access.ts";
import { describeEndpoint, type Endpoint, parseEndpoint } from "./endpoint.ts";
import { type Environment, invalid, list, text } from "./environment.ts";
import { isRecord } from "./payload.ts";
import type { Machine, Overrides } from "./settings.ts";
import { readTls, type TlsFiles } from "./tls.ts";

const DEFAULT_URL = "http://localhost:8080";
export const DEFAULT_DATA_FOLDER = "./data";
const DEFAULT_PRIORITY = 10;
const DEFAULT_WEIGHT = 1;
const LIST = "ORCHESTRATORS_CONFIG";
const MODE = "MULTI_ORCHESTRATOR_MODE";
const FIELDS = ["url", "priority", "weight", "token"];
const TOKEN_NAMES = ["WORKER_INDIVIDUAL_TOKEN", "AVTOMATIKA_WORKER_TOKEN", "WORKER_TOKEN"] as const;

/** FAILOVER: the first that is there gives the tasks. ROUND_ROBIN: all do, in proportion to their weights. */
export type Mode = "FAILOVER" | "ROUND_ROBIN";
const MODES: readonly Mode[] = ["FAILOVER", "ROUND_ROBIN"];

export interface Orchestrator {
  /** Its address, as the user knows it. */
  readonly name: string;
  readonly access: Access;
  readonly weight: number;
  /** What to do where nobody answers there. */
  readonly advice: string;
}

export interface OrchestratorSource {
  readonly environment: Environment;
  readonly overrides: Overrides;
  readonly machine: Machine;
  readonly workerId: string;
}

/** In the order in which they are preferred; never empty. */
export function readOrchestrators(source: OrchestratorSource): readonly Orchestrator[] {
  const { environment, overrides } = source;
  const tls = readTls(environment, source.machine.readText);
  const several = isFlagged(source) ? undefined : list(environment, LIST);
  if (several === undefined) return [orchestrator(readSingle(source), DEFAULT_WEIGHT, tls)];
  if (several.length === 0) throw invalid(`${LIST} is empty: list an orchestrator, or leave it unset.`);
  const token = findToken(environment, overrides);
  const entries = several.map((entry, index) => readEntry(entry, index + 1));
  refuseTwice(entries);
  return entries
    .toSorted((one, other) => one.priority - other.priority)
    .map((entry) => orchestrator(accessOf(entry, source.workerId, token), entry.weight, tls));
}

export function readMode(environment: Environment): Mode {
  const value = text(environment, MODE) ?? "FAILOVER";
  const mode = MODES.find((name) => name === value.toUpperCase());
  if (mode) return mode;
  throw invalid(`${MODE} is "${value}"${suggestion(value, MODES)} Give FAILOVER or ROUND_ROBIN.`);
}

function orchestrator(access: Access, weight: number, tls: TlsFiles | undefined): Orchestrator {
  const { endpoint } = access;
  return {
    name: describeEndpoint(endpoint),
    access: tls ? { ...access, tls } : access,
    weight,
    advice: adviceFor(access),
  };
}

function adviceFor({ endpoint, door, token, tokenFrom, isUsual }: Access): string {
  if (endpoint.kind === "socket")
    return `start a server with \`orchestrator serve --data-dir ${dirname(endpoint.path)}\``;
  if (door)
    return `there is no server in ${dirname(door.path)} yet either: start one, or say where it is with --url or --data-dir`;
  if (isUsual === true && token !== undefined)
    return `${tokenFrom} is set, so no local door is used: unset it, or say with --url or ORCHESTRATOR_URL where the server is`;
  return "is a server there? Check --url or ORCHESTRATOR_URL";
}

/** The command line hands on what it found in the environment as well: that is no flag. */
function isFlagged({ environment, overrides }: OrchestratorSource): boolean {
  if (overrides.socket !== undefined) return true;
  return overrides.url !== undefined && overrides.url !== text(environment, "ORCHESTRATOR_URL");
}

interface Token {
  readonly value: string;
  /** Where it was set, for whoever has to mend it. */
  readonly from: string;
}

function findToken(environment: Environment, overrides: Overrides): Token | undefined {
  const set = TOKEN_NAMES.flatMap((from) => {
    const value = text(environment, from);
    return value === undefined ? [] : [{ value, from }];
  });
  const { token } = overrides;
  if (token === undefined) return set[0];
  return set.find(({ value }) => value === token) ?? { value: token, from: "--token" };
}

function readSingle({ environment, overrides, machine, workerId }: OrchestratorSource): Access {
  const endpoint = readEndpoint(environment, overrides);
  const token = overrides.socket === undefined ? findToken(environment, overrides) : undefined;
  if (token && !endpoint) return withToken({ endpoint: usualEndpoint(overrides), workerId, isUsual: true }, token);
  if (token && endpoint) return withToken({ endpoint, workerId }, token);
  if (endpoint) return { endpoint, workerId };
  return { ...doorOf(environment, overrides, machine), workerId };
}

function readEndpoint(environment: Environment, overrides: Overrides): Endpoint | undefined {
  if (overrides.socket !== undefined) return parseEndpoint(`unix:${overrides.socket}`);
  const url = overrides.url ?? text(environment, "ORCHESTRATOR_URL");
  return url === undefined ? undefined : parseEndpoint(url);
}

/** Who may open the server's socket file needs neither an address nor a token. */
function doorOf(environment: Environment, overrides: Overrides, { exists }: Machine): Omit<Access, "workerId"> {
  const named = overrides.dataDir ?? text(environment, "ORCHESTRATOR_DATA_DIR", "DATA_DIR");
  const path = resolve(named ?? DEFAULT_DATA_FOLDER, "orchestrator.sock");
  if (named !== undefined) return { endpoint: { kind: "socket", path } };
  return { endpoint: usualEndpoint(overrides), door: { path, exists } };
}

function usualEndpoint({ usualUrl }: Overrides): Endpoint {
  return parseEndpoint(usualUrl ?? DEFAULT_URL);
}

function withToken(access: Access, { value, from }: Token): Access {
  return { ...access, token: value, tokenFrom: from };
}

interface Entry {
  readonly place: string;
  readonly endpoint: Endpoint;
  readonly priority: number;
  readonly weight: number;
  readonly token: string | undefined;
}

function readEntry(entry: unknown, number: number): Entry {
  const place = `Entry ${number} of ${LIST}`;
  if (!isRecord(entry)) throw invalid(`${place} is no object: give it the form {"url": "http://host:8080"}.`);
  const unknown = Object.keys(entry).find((name) => !FIELDS.includes(name));
  if (typeof entry["url"] !== "string") {
    throw invalid(`${place} has no "url": give it the form {"url": "http://host:8080"}.`);
  }
  if (unknown !== undefined) {
    throw invalid(`${place} has a field "${unknown}"${suggestion(unknown, FIELDS)} There are: ${FIELDS.join(", ")}.`);
  }
  return {
    place,
    endpoint: parseEndpoint(entry["url"]),
    priority: numberIn(entry, "priority", place) ?? DEFAULT_PRIORITY,
    weight: weightIn(entry, place),
    token: tokenIn(entry, place),
  };
}

function numberIn(entry: Record<string, unknown>, name: string, place: string): number | undefined {
  const value = entry[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw invalid(`${place} has the ${name} ${JSON.stringify(value)}: give a number.`);
}

function weightIn(entry: Record<string, unknown>, place: string): number {
  const weight = numberIn(entry, "weight", place) ?? DEFAULT_WEIGHT;
  if (weight > 0) return weight;
  throw invalid(`${place} has the weight ${weight}: give a number above 0, or leave the entry out.`);
}

function tokenIn(entry: Record<string, unknown>, place: string): string | undefined {
  const token = entry["token"];
  if (token === undefined || token === null || token === "") return undefined;
  if (typeof token === "string") return token;
  throw invalid(`${place} has a "token" that is no text: put it between quotes.`);
}

/** Twice the same would share the worker's slots with itself. */
function refuseTwice(entries: readonly Entry[]): void {
  const seen = new Map<string, string>();
  for (const { place, endpoint } of entries) {
    const url = describeEndpoint(endpoint);
    const before = seen.get(url);
    if (before !== undefined) throw invalid(`${before} and ${place} are both ${url}: list each orchestrator once.`);
    seen.set(url, place);
  }
}

function accessOf({ endpoint, token, place }: Entry, workerId: string, common: Token | undefined): Access {
  const access = { endpoint, workerId };
  if (token !== undefined) return withToken(access, { value: token, from: `the "token" of ${lowerFirst(place)}` });
  return common ? withToken(access, common) : access;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
