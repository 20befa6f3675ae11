/** Where an orchestrator is: an http(s) URL, or a socket file on this machine. */
import { resolve } from "node:path";
import { Refusal } from "../src/system/errors.ts";

export type Endpoint =
  | { readonly kind: "url"; readonly base: string }
  | { readonly kind: "socket"; readonly path: string };

export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith("unix:"))
    return { kind: "socket", path: resolve(text.slice("unix:".length).replace(/^\/\//, "")) };
  if (/^\.{0,2}\//.test(text)) return { kind: "socket", path: resolve(text) };
  const url = URL.parse(text);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new Refusal(
      "INVALID_SETTING",
      400,
      `The orchestrator's address "${text}" is neither an http(s) URL nor the path of a socket file.`,
    );
  }
  return { kind: "url", base: `${url.origin}${url.pathname}`.replace(/\/+$/, "") };
}

export function httpUrl(endpoint: Endpoint, path: string): string {
  return endpoint.kind === "url" ? endpoint.base + path : `http://localhost${path}`;
}

export function socketUrl(endpoint: Endpoint, path: string): string {
  if (endpoint.kind === "socket") return `ws+unix://${endpoint.path}:${path}`;
  return endpoint.base.replace(/^http/, "ws") + path;
}

export function describeEndpoint(endpoint: Endpoint): string {
  return endpoint.kind === "url" ? endpoint.base : endpoint.path;
}
