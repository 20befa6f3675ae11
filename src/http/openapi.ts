/** The API's description: the routes as they are registered, and a path for each blueprint's endpoint. */
import { toOpenAPISchema } from "@elysiajs/openapi/openapi";
import type { AnyElysia } from "elysia";
import type { Catalog, Manifest } from "../catalog/port.ts";
import { jobBody, operation } from "./descriptions.ts";
import type { HttpSettings } from "./settings.ts";

const ACCEPTED = {
  type: "object",
  required: ["status", "job_id"],
  properties: { status: { const: "accepted" }, job_id: { type: "string" } },
};

const SECURITY_SCHEMES = {
  clientToken: { type: "apiKey", in: "header", name: "X-Client-Token" },
  workerToken: { type: "apiKey", in: "header", name: "X-Worker-Token" },
};

/** Made anew when the blueprints change, and kept in between. */
export function createOpenApi(
  routes: () => AnyElysia,
  catalog: Catalog,
  settings: Pick<HttpSettings, "clientPrefix" | "version">,
): () => string {
  let text: string | undefined;
  catalog.onChange(() => {
    text = undefined;
  });
  return () => (text ??= JSON.stringify(document(routes(), catalog.list(), settings)));
}

function document(
  routes: AnyElysia,
  manifests: readonly Manifest[],
  { clientPrefix, version }: Pick<HttpSettings, "clientPrefix" | "version">,
): object {
  const { paths, components } = toOpenAPISchema(routes);
  for (const manifest of manifests) Object.assign(paths, endpointPaths(manifest, clientPrefix));
  return {
    openapi: "3.1.0",
    info: { title: "Avtomatika", version, description: "A durable job orchestrator." },
    paths,
    components: { ...components, securitySchemes: SECURITY_SCHEMES },
  };
}

function endpointPaths({ name, apiVersion, endpoint, inputSchema }: Manifest, prefix: string): object {
  if (endpoint === undefined) return {};
  const path = `${prefix}${apiVersion === "" ? "" : `/${apiVersion}`}/${endpoint}`;
  const input = inputSchema ?? { type: "object" };
  const envelope = {
    ...jobBody,
    properties: { ...jobBody.properties, initial_data: input },
    required: ["initial_data"],
  };
  const batch = {
    type: "object",
    required: ["jobs"],
    properties: { jobs: { type: "array", minItems: 1, maxItems: 10_000, items: envelope } },
  };
  const many = { type: "object", properties: { jobs: { type: "array", items: ACCEPTED } } };
  return {
    [path]: { post: operation("client", `Start a job of ${name}`, { anyOf: [envelope, input] }, ACCEPTED, "202") },
    [`${path}/batch`]: { post: operation("client", `Start many jobs of ${name}, all or none`, batch, many, "202") },
  };
}
