/** What operators may ask for. Stands under the client prefix, as the original has it. */
import { Elysia } from "elysia";
import type { Orchestrator, Schedules } from "../../actors/orchestrator.ts";
import type { Access } from "../access/access.ts";
import type { Quota } from "../access/quota.ts";
import type { TokenFiles } from "../access/token-files.ts";
import { TOKEN_FILES } from "../access/token-tables.ts";
import { Refusal } from "../system/errors.ts";
import { blueprintRoutes } from "./blueprints.ts";
import { describe } from "./descriptions.ts";
import type { Door } from "./door.ts";
import { clientListText } from "./client-list.ts";
import { json, jsonFor } from "./reply.ts";
import { scheduleRoutes } from "./schedules.ts";

export interface AdminRoutesOptions {
  readonly orchestrator: Pick<Orchestrator, "workers" | "blueprints">;
  readonly schedules: Schedules;
  readonly door: Door;
  readonly access: Pick<Access, "clients">;
  readonly tokenFiles: TokenFiles;
  readonly quota: Quota;
}

export function adminRoutes(prefix: string, options: AdminRoutesOptions, isDescribed: boolean) {
  const { door, access, tokenFiles, quota } = options;
  const { workers, blueprints } = options.orchestrator;
  const told = describe("admin", isDescribed);
  const raw = { parse: "none" } as const;
  return new Elysia({ prefix: `${prefix}/admin` })
    .use(scheduleRoutes(options, isDescribed))
    .use(blueprintRoutes({ blueprints, door }, isDescribed))
    .post(
      "/workers/:id/drain",
      async ({ request, params }) => {
        door.operator(request);
        await workers.drain(params.id);
        return json(JSON.stringify({ status: "draining", worker_id: params.id }));
      },
      { ...raw, ...told("Give a worker no new tasks") },
    )
    .post(
      "/workers/:id/resume",
      async ({ request, params }) => {
        door.operator(request);
        await workers.resume(params.id);
        return json(JSON.stringify({ status: "resumed", worker_id: params.id }));
      },
      { ...raw, ...told("Give a worker tasks again: after a drain, or though its reputation is too low") },
    )
    .get(
      "/clients",
      ({ request }) => {
        door.operator(request);
        return jsonFor(request, clientListText(access.clients ?? [], quota));
      },
      told("List the clients, and what they have left of their quotas"),
    )
    .post(
      "/reload-workers",
      async ({ request }) => {
        door.client(request);
        // Published tools look for these words, here and below.
        if (!tokenFiles.has("workers")) {
          const message = "WORKERS_CONFIG_PATH is not set, cannot reload configs.";
          throw new Refusal("WORKERS_CONFIG_NOT_SET", 400, message);
        }
        await tokenFiles.reload(["workers"]);
        return json('{"status":"worker_configs_reloaded"}');
      },
      { ...raw, ...told("Read the workers' tokens again") },
    )
    .post(
      "/reload",
      async ({ request }) => {
        door.operator(request);
        await tokenFiles.reload();
        const hasSchedules = await options.schedules.reload();
        const reloaded = [
          ...TOKEN_FILES.filter((kind) => tokenFiles.has(kind)),
          ...(hasSchedules ? ["schedules"] : []),
        ];
        return json(JSON.stringify({ status: "reloaded", reloaded }));
      },
      { ...raw, ...told("Read the clients, the workers' tokens and the schedules again (operators)") },
    );
}
