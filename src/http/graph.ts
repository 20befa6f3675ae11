/** A blueprint's graph, in the format that was asked for. */
import { graphTextOf } from "../blueprint/index.ts";
import type { Manifest } from "../catalog/port.ts";
import { Refusal } from "../system/errors.ts";
import type { Drawing } from "./drawing.ts";
import { parametersOf } from "./query.ts";
import { jsonFor, textFor } from "./reply.ts";

export function graphAnswer(request: Request, manifest: Manifest, drawing: Drawing): Response | Promise<Response> {
  const format = parametersOf(request).get("format") ?? "dot";
  switch (format) {
    case "dot":
      return textFor(request, graphTextOf(manifest, "dot"), "text/vnd.graphviz; charset=utf-8");
    case "mermaid":
      return textFor(request, graphTextOf(manifest, "mermaid"), "text/vnd.mermaid; charset=utf-8");
    case "svg":
      return svgAnswer(request, manifest, drawing);
    case "png":
      return pngAnswer(manifest, drawing);
    case "json": {
      const { name, start, states, edges } = manifest;
      return jsonFor(request, JSON.stringify({ name, start, states, edges }));
    }
    default:
      throw new Refusal("INVALID_PARAMETER", 400, `format is "${format}": choose dot, svg, png, mermaid or json.`);
  }
}

/** Shown by itself it is a page: names of states are text there, and nothing in it may run. */
const ONLY_A_PICTURE = { "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox" };

async function svgAnswer(request: Request, manifest: Manifest, drawing: Drawing): Promise<Response> {
  const svg = new TextDecoder().decode(await drawing.draw(manifest, "svg"));
  return textFor(request, svg, "image/svg+xml; charset=utf-8", ONLY_A_PICTURE);
}

async function pngAnswer(manifest: Manifest, drawing: Drawing): Promise<Response> {
  const bytes = await drawing.draw(manifest, "png");
  return new Response(new Uint8Array(bytes), { headers: { "content-type": "image/png" } });
}
