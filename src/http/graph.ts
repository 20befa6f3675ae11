/** A blueprint's graph, in the format that was asked for. */
import { graphTextOf } from "../blueprint/index.ts";
import type { Manifest } from "../catalog/port.ts";
import { Refusal } from "../system/errors.ts";
import { parametersOf } from "./query.ts";
import { jsonFor, textFor } from "./reply.ts";

export function graphAnswer(request: Request, manifest: Manifest): Response | Promise<Response> {
  const format = parametersOf(request).get("format") ?? "dot";
  switch (format) {
    case "dot":
      return textFor(request, graphTextOf(manifest, "dot"), "text/vnd.graphviz; charset=utf-8");
    case "mermaid":
      return textFor(request, graphTextOf(manifest, "mermaid"), "text/vnd.mermaid; charset=utf-8");
    case "json": {
      const { name, start, states, edges } = manifest;
      return jsonFor(request, JSON.stringify({ name, start, states, edges }));
    }
    default:
      throw new Refusal("INVALID_PARAMETER", 400, `format is "${format}": choose dot, mermaid or json.`);
  }
}
