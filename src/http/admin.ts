/** What operators may ask for. Stands under the client prefix, as the original has it. */
import { Elysia } from "elysia";
import type { Workers } from "../../actors/orchestrator.ts";
import { Refusal } from "../system/errors.ts";
import { describe } from "./descriptions.ts";
import type { Door } from "./door.ts";
import { json } from "./reply.ts";

export interface AdminRoutesOptions {
  readonly workers: Pick<Workers, "drain" | "resume">;
  readonly door: Door;
}

export function adminRoutes(prefix: string, { workers, door }: AdminRoutesOptions, isDescribed: boolean) {
  const told = describe("admin", isDescribed);
  const raw = { parse: "none" } as const;
  return new Elysia({ prefix: `${prefix}/admin` })
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
      { ...raw, ...told("Give a worker tasks again") },
    )
    .post(
      "/reload-workers",
      ({ request }) => {
        door.client(request);
        // Published tools look for these words.
        throw new Refusal("WORKERS_CONFIG_NOT_SET", 400, "WORKERS_CONFIG_PATH is not set, cannot reload configs.");
      },
      { ...raw, ...told("Read the workers' tokens again") },
    );
}
