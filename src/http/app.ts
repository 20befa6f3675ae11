/** All routes of one door, on one screen. */
import { Elysia } from "elysia";
import type { Orchestrator, Schedules } from "../../actors/orchestrator.ts";
import type { Access } from "../access/access.ts";
import type { Quota } from "../access/quota.ts";
import type { TokenFiles } from "../access/token-files.ts";
import type { System } from "../system/index.ts";
import type { Approvals } from "../notify/index.ts";
import { approvalRoutes } from "./approvals.ts";
import { adminRoutes } from "./admin.ts";
import { clientRoutes } from "./client.ts";
import type { Connections } from "./connections.ts";
import { createCreator, resolveEndpoint } from "./creation.ts";
import { dataStoreRoutes } from "./data-stores.ts";
import type { Door } from "./door.ts";
import { createDrawing } from "./drawing.ts";
import { createErrorMapper } from "./errors.ts";
import { fileRoutes, type FilesAtDoors } from "./files.ts";
import { jobActionRoutes } from "./job-actions.ts";
import { metricsText } from "./metrics.ts";
import { migrationRoutes } from "./migration.ts";
import { createMissing } from "./missing.ts";
import { createOpenApi } from "./openapi.ts";
import { outboxRoutes } from "./outbox.ts";
import type { Parking } from "./parking.ts";
import { publicRoutes } from "./public.ts";
import { postsOf } from "./route-paths.ts";
import type { HttpSettings } from "./settings.ts";
import { createStraight } from "./straight.ts";
import { streamRoutes } from "./stream-routes.ts";
import { workerRoutes } from "./worker.ts";

export interface AppOptions {
  readonly orchestrator: Orchestrator;
  readonly schedules: Schedules;
  readonly system: System;
  readonly settings: HttpSettings;
  readonly door: Door;
  readonly access: Pick<Access, "clients">;
  readonly tokenFiles: TokenFiles;
  readonly quota: Quota;
  readonly approvals: Approvals;
  readonly files?: FilesAtDoors | undefined;
  readonly parking: Parking;
  readonly connections: Connections;
}

export interface App {
  handle(request: Request): Promise<Response>;
  fetch(request: Request): Response | Promise<Response>;
}

export function createApp(options: AppOptions): App {
  const { orchestrator, system, settings, door, parking, connections } = options;
  const { jobs, catalog } = orchestrator;
  const prefix = settings.clientPrefix;
  const endpoints = `${prefix}/*` as const;
  const fail = createErrorMapper(system);
  const creator = createCreator({ jobs, catalog, isReady: () => orchestrator.ready }, settings);
  const drawing = createDrawing(system.timers);
  const missing = createMissing({
    app: () => app,
    fail,
    isEndpoint: (path) => resolveEndpoint(catalog, path) !== undefined,
    clientPrefix: prefix,
  });
  const openApi = createOpenApi(() => app, catalog, settings);
  const metrics = () =>
    metricsText(orchestrator, { authFailures: door.refusals, parked: parking.waiting, sockets: connections.open });

  // Elysia looks for the path behind eleven letters of the address unless told that a host may be "db".
  const app = new Elysia({ aot: true, handler: { standardHostname: false } })
    .onError(({ error, request, code }) => (code === "NOT_FOUND" ? missing(request) : fail(error, request)))
    .use(publicRoutes({ orchestrator, door, openApi, metrics }))
    .use(approvalRoutes(options))
    .use(workerRoutes(options))
    .use(streamRoutes(options))
    .use(clientRoutes(`${prefix}/:version`, { ...options, creator, drawing }, true))
    .use(clientRoutes(prefix, { ...options, creator, drawing }, false))
    .use(jobActionRoutes(`${prefix}/:version`, { ...options, creator, drawing }, true))
    .use(jobActionRoutes(prefix, { ...options, creator, drawing }, false))
    .use(fileRoutes(`${prefix}/:version`, options, true))
    .use(fileRoutes(prefix, options, false))
    .use(migrationRoutes(`${prefix}/:version`, options, true))
    .use(migrationRoutes(prefix, options, false))
    .use(adminRoutes(`${prefix}/:version`, options, true))
    .use(adminRoutes(prefix, options, false))
    .use(outboxRoutes(`${prefix}/:version`, options, true))
    .use(outboxRoutes(prefix, options, false))
    .use(dataStoreRoutes(`${prefix}/:version`, { dataStores: orchestrator.dataStores, door }, true))
    .use(dataStoreRoutes(prefix, { dataStores: orchestrator.dataStores, door }, false))
    // One route for the endpoints of all blueprints: routes are never made anew while it runs.
    .post(
      endpoints,
      ({ request, params }) => {
        const caller = door.client(request);
        return creator.start(request, caller, creator.endpoint(params["*"]));
      },
      { parse: "none", detail: { hide: true } },
    );
  const tell = (request: Request, response: Response) => door.tell(request, withVersion(request, response));
  const straight = createStraight({
    catalog,
    creator,
    door,
    settings,
    fail,
    tell,
    isRouted: postsOf(app.routes, endpoints),
  });
  const answer = (request: Request): Response | Promise<Response> => {
    const manifest = straight.find(request);
    if (manifest !== undefined) return straight.answer(request, manifest);
    const routed = app.fetch(request);
    return routed instanceof Promise ? routed.then((response) => tell(request, response)) : tell(request, routed);
  };
  return { handle: async (request) => answer(request), fetch: answer };
}

const VERSION = "x-rxon-version";

/** Workers that name the version of their protocol look for it in the answer. All of them are spoken here, so they get their own back. */
function withVersion(request: Request, response: Response): Response {
  const version = request.headers.get(VERSION);
  if (version !== null && /^[\w.+-]{1,32}$/.test(version)) response.headers.set(VERSION, version);
  return response;
}
