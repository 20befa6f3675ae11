/** What needs no token: whether it lives, what it counts, how it is spoken to. */
import { Elysia } from "elysia";
import type { Orchestrator } from "../../actors/orchestrator.ts";
import { notReady } from "./creation.ts";
import { describe } from "./descriptions.ts";
import { DOCS_PAGE, DOCS_POLICY } from "./docs-page.ts";
import type { Door } from "./door.ts";
import { LIMIT_MAX } from "./query.ts";
import { json, jsonFor, textFor } from "./reply.ts";

export interface PublicRoutesOptions {
  readonly orchestrator: Orchestrator;
  readonly door: Door;
  /** JSON text of the API's description. */
  readonly openApi: () => string;
  readonly metrics: () => Promise<string>;
}

export function publicRoutes({ orchestrator, door, openApi, metrics }: PublicRoutesOptions) {
  const told = describe("public");
  return new Elysia({ prefix: "/_public" })
    .get(
      "/status",
      () => {
        if (!orchestrator.ready) throw notReady();
        return json('{"status":"ok"}');
      },
      told("Ready to take jobs?"),
    )
    .get("/live", () => json('{"status":"ok"}'), told("Alive?"))
    .get(
      "/metrics",
      async ({ request }) => {
        return textFor(request, await metrics(), "text/plain; version=0.0.4; charset=utf-8");
      },
      told("Figures for Prometheus"),
    )
    .get("/openapi.json", ({ request }) => jsonFor(request, openApi()), told("This description"))
    .get(
      "/docs",
      ({ request }) => {
        return textFor(request, DOCS_PAGE, "text/html; charset=utf-8", { "content-security-policy": DOCS_POLICY });
      },
      told("This description, to be read"),
    )
    .get(
      "/jobs/quarantined",
      async ({ request }) => {
        const { viewer } = door.client(request);
        return jsonFor(request, JSON.stringify(await quarantined(orchestrator, viewer)));
      },
      describe("client")("Ids of the quarantined jobs, newest first"),
    );
}

async function quarantined({ jobs }: Pick<Orchestrator, "jobs">, viewer: string | undefined): Promise<string[]> {
  const found = await jobs.list({
    status: "quarantined",
    limit: LIMIT_MAX,
    ...(viewer !== undefined && { client: viewer }),
  });
  return found.map(({ id }) => id);
}
