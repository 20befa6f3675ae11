/** One app of each door over a fake engine, called without a port. */
import { createAccess } from "../../src/access/access.ts";
import { createQuota, type QuotaCounts } from "../../src/access/quota.ts";
import { createTokenFiles } from "../../src/access/token-files.ts";
import { hashOf } from "../../src/access/tokens.ts";
import { createApp } from "../../src/http/app.ts";
import { createConnections } from "../../src/http/connections.ts";
import { localDoor, networkDoor } from "../../src/http/door.ts";
import type { FilesAtDoors } from "../../src/http/files.ts";
import type { DoorLimits } from "../../src/http/limits.ts";
import { createParking } from "../../src/http/parking.ts";
import { DEFAULT_HTTP_SETTINGS, type HttpSettings } from "../../src/http/settings.ts";
import { createApprovalLinks } from "../../src/notify/approval-links.ts";
import type { Clock } from "../../src/system/clock.ts";
import type { System } from "../../src/system/index.ts";
import type { LogLine } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { createFake, type Fake } from "./fake-orchestrator.ts";
import { createFakeSchedules } from "./fake-schedules.ts";

export const TOKENS = { client: "c-token", worker: "w-token", operator: "o-token" };
const hashes = { client: hashOf(TOKENS.client), worker: hashOf(TOKENS.worker), operator: hashOf(TOKENS.operator) };

export function approvalLinks(clock: Clock) {
  const secret = new Uint8Array(32).fill(7);
  return createApprovalLinks({ secret, clock, lifetimeMs: 3_600_000, publicUrl: () => "http://server" });
}

/** The machine's own time; its log goes nowhere. */
export const quiet = createRealSystem({ write: () => undefined });

export interface GateOptions {
  readonly limits?: DoorLimits;
  /** Files of clients and workers, by their paths. */
  readonly clients?: string;
  readonly workers?: string;
  readonly counts?: QuotaCounts;
  readonly isWorkerTokenSet?: boolean;
  readonly files?: FilesAtDoors;
}

/** Who may come in, and how often: nothing is kept. */
export function createGate(system: System, options: GateOptions = {}) {
  const { clients, workers, counts = "requests", isWorkerTokenSet = true } = options;
  const registers = { attempts: async () => new Map(), saveAttempts: async () => {} };
  const quota = createQuota({ system, registers, counts, timeZone: "UTC" });
  const access = createAccess(hashes, { quota, isWorkerTokenSet });
  const tokenFiles = createTokenFiles({ paths: { clients, workers }, access, system });
  return { access, quota, tokenFiles, approvals: { links: approvalLinks(system.clock) } };
}

export const asClient = { "x-client-token": TOKENS.client };
export const asOperator = { "x-client-token": TOKENS.operator };
export const asWorker = { "x-worker-token": TOKENS.worker };

export interface Timer {
  readonly delayMs: number;
  readonly run: () => void;
}

export function createDoors(fake: Fake = createFake(), over: Partial<HttpSettings> = {}, options: GateOptions = {}) {
  const lines: LogLine[] = [];
  const timers = new Set<Timer>();
  const real = createRealSystem({ write: (line) => lines.push(line) });
  const system: System = {
    ...real,
    timers: {
      after(delayMs, run) {
        const timer = { delayMs, run };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
  };
  const settings = { ...DEFAULT_HTTP_SETTINGS, ...over };
  const parking = createParking(() => undefined);
  const schedules = createFakeSchedules();
  const gate = createGate(system, options);
  const common = {
    orchestrator: fake.orchestrator,
    schedules,
    system,
    settings,
    parking,
    files: options.files,
    ...gate,
  };
  const address = { now: "192.0.2.1" };
  const connections = createConnections(() => undefined, settings, system.log);
  const app = createApp({
    ...common,
    connections,
    door: networkDoor(gate.access, { ...options.limits, addressOf: () => address.now }),
  });
  const local = createApp({ ...common, connections, door: localDoor() });
  return { fake, schedules, app, local, system, settings, parking, lines, timers, address, ...gate };
}

/** The path of a request with what it is sent with. */
export function request(method: string, path: string, headers: Record<string, string> = {}, body?: unknown): Request {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  return new Request(`http://server${path}`, { method, headers, ...(text !== undefined && { body: text }) });
}

/** Waits until the condition holds; fails after a second of turns. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const limitMs = performance.now() + 2000;
  while (!condition()) {
    if (performance.now() > limitMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
