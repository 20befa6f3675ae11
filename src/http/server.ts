/** The server: one door for the network, one for this machine alone. Both have the same routes. */
import { chmodSync, lstatSync, rmSync } from "node:fs";
import type { Server } from "bun";
import type { Orchestrator, Schedules } from "../../actors/orchestrator.ts";
import type { Access } from "../access/access.ts";
import { createShortTokens } from "../access/short-tokens.ts";
import type { Quota } from "../access/quota.ts";
import type { TokenFiles } from "../access/token-files.ts";
import type { Approvals } from "../notify/index.ts";
import { messageOf, Refusal } from "../system/errors.ts";
import type { System } from "../system/index.ts";
import type { Service } from "../system/lifecycle.ts";
import { type App, createApp } from "./app.ts";
import { type Connections, createConnections, type Session } from "./connections.ts";
import { type Door, localDoor, networkDoor } from "./door.ts";
import type { FilesAtDoors } from "./files.ts";
import type { DoorLimits } from "./limits.ts";
import { createParking, type Parking } from "./parking.ts";
import type { HttpSettings } from "./settings.ts";

export interface HttpServerOptions {
  readonly orchestrator: Orchestrator;
  readonly schedules: Schedules;
  readonly access: Access;
  readonly tokenFiles: TokenFiles;
  readonly quota: Quota;
  readonly approvals: Approvals;
  /** Left out: clients put and get no files. */
  readonly files?: FilesAtDoors | undefined;
  readonly limits?: DoorLimits;
  readonly system: System;
  readonly settings: HttpSettings;
  /** Left out: no local door. */
  readonly openSocketPath?: string;
}

export interface HttpServer extends Service {
  /** Known once it has started. */
  readonly url: string;
  readonly port: number;
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { access, settings, openSocketPath } = options;
  const door = networkDoor(access, {
    ...options.limits,
    addressOf: (request) => network.addressOf(request),
    shortTokens: createShortTokens(options.system),
  });
  const network: Listener = createListener(options, door, () => ({ hostname: settings.host, port: settings.port }));
  // Two apps and two listeners: nothing that a request carries can make it look local.
  const local =
    openSocketPath === undefined ? undefined : createListener(options, localDoor(), () => ({ unix: openSocketPath }));
  return {
    async start() {
      network.start();
      try {
        if (openSocketPath !== undefined) onlyForOwner(openSocketPath, () => local?.start());
      } catch (error) {
        await network.stop();
        throw error;
      }
    },
    async stop() {
      await Promise.all([network.stop(), local?.stop()]);
      if (openSocketPath !== undefined && local?.hasServed === true) rmSync(openSocketPath, { force: true });
    },
    get url() {
      const { host } = settings;
      return `http://${host.includes(":") ? `[${host}]` : host}:${network.port}`;
    },
    get port() {
      return network.port;
    },
  };
}

type Place = { readonly hostname: string; readonly port: number } | { readonly unix: string };

interface Listener {
  addressOf(request: Request): string;
  start(): void;
  stop(): Promise<void>;
  readonly port: number;
  readonly hasServed: boolean;
}

function createListener(options: HttpServerOptions, door: Door, placeOf: () => Place): Listener {
  let server: Server<Session> | undefined;
  let hasServed = false;
  let isStopped = false;
  const connections = createConnections(() => server, options.settings, options.system.log);
  const parking = createParking(() => server);
  const app = createApp({ ...options, door, connections, parking });
  options.access.onChange(() => {
    connections.review();
    parking.review();
  });
  return {
    addressOf: (request) => server?.requestIP(request)?.address ?? "",
    start() {
      if (server !== undefined || isStopped) return;
      server = listen(app, connections, placeOf(), options.settings, options.files !== undefined);
      hasServed = true;
    },
    async stop() {
      isStopped = true;
      const running = server;
      server = undefined;
      if (running !== undefined) await stopGently(running, connections, parking, options.system);
    },
    get port() {
      return server?.port ?? options.settings.port;
    },
    get hasServed() {
      return hasServed;
    },
  };
}

// Bun holds it for Unix sockets too (ten seconds unless told), which its types do not know: hence the loose type.
const IDLE_LIMIT: object = { idleTimeout: 60 };

/** What S3 takes at most. */
const FILE_BYTES_MAX = 5 * 1024 ** 4;

function listen(
  app: App,
  { handler }: Connections,
  place: Place,
  settings: HttpSettings,
  takesFiles: boolean,
): Server<Session> {
  const common = {
    fetch: (request: Request) => app.fetch(request),
    websocket: handler,
    development: false,
    ...IDLE_LIMIT,
    // Ours answers with a sentence and a code; this one guards the memory. A file passes through and fills none.
    maxRequestBodySize: takesFiles ? FILE_BYTES_MAX : Math.max(settings.bodyBytesMax, settings.batchBytesMax) * 2,
  };
  try {
    if ("unix" in place) return Bun.serve<Session>({ ...common, unix: place.unix });
    return Bun.serve<Session>({ ...common, ...place, reusePort: false });
  } catch (error) {
    throw notListening(error, place);
  }
}

function notListening(error: unknown, place: Place): Refusal {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if ("unix" in place) {
    const message = `The local door ${place.unix} cannot be opened (${messageOf(error)}): choose a data folder with a shorter path that you may write to.`;
    return new Refusal("SOCKET_NOT_OPENED", 500, message);
  }
  if (code === "EADDRINUSE") {
    const message = `Port ${place.port} on ${place.hostname} is in use: stop the program that has it, or choose another with --port.`;
    return new Refusal("PORT_IN_USE", 500, message, { port: place.port });
  }
  const message = `Cannot listen on ${place.hostname}:${place.port} (${messageOf(error)}): check --host and --port.`;
  return new Refusal("NOT_LISTENING", 500, message);
}

const STOP_WAIT_MS = 3000;

/** Ends what waits, lets run what is being answered, and closes what is left after a while. */
async function stopGently(
  server: Server<Session>,
  connections: Connections,
  parking: Parking,
  { timers }: System,
): Promise<void> {
  parking.close();
  connections.closeAll();
  const ended = server.stop(false);
  await new Promise<void>((resolve) => {
    const cancel = timers.after(STOP_WAIT_MS, resolve);
    const done = () => {
      cancel();
      resolve();
    };
    ended.then(done, done);
  });
  await server.stop(true);
}

/** The file must never be open to others, not even between its making and a change of its mode. */
function onlyForOwner(path: string, open: () => void): void {
  removeStale(path);
  const previous = process.umask(0o177);
  try {
    open();
  } finally {
    process.umask(previous);
  }
  chmodSync(path, 0o600);
}

// Left by a server that was killed. Whoever calls us holds the lock of the data folder.
function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new Refusal(
      "SOCKET_NOT_OPENED",
      500,
      `${path} is in the way of the local door and is no socket: move it away.`,
    );
  }
  rmSync(path, { force: true });
}
