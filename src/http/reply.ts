/** Answers: JSON text in, a Response out; large ones compressed as the caller offers. */
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";

const COMPRESS_FROM_BYTES = 500;
// Copied into each answer, which is faster than reading them from an object each time.
const JSON_HEADERS = new Headers({ "content-type": "application/json; charset=utf-8" });

const gzipAsync = promisify(gzip);

const inits = new Map<number, ResponseInit>();

/** For answers that are small by their nature: the hot routes look at no header. */
export function json(text: string, status = 200): Response {
  return new Response(text, initOf(status));
}

/** Made once for each status: there are few. */
function initOf(status: number): ResponseInit {
  const known = inits.get(status);
  if (known !== undefined) return known;
  const init = { status, headers: JSON_HEADERS };
  inits.set(status, init);
  return init;
}

type ExtraHeaders = Readonly<Record<string, string>>;

export function jsonFor(request: Request, text: string, extra?: ExtraHeaders): Response | Promise<Response> {
  return textFor(request, text, "application/json; charset=utf-8", extra);
}

export function textFor(
  request: Request,
  text: string,
  contentType: string,
  extra?: ExtraHeaders,
): Response | Promise<Response> {
  const headers = { ...extra, "content-type": contentType, vary: "accept-encoding" };
  // A text's length in bytes is at least its length in characters.
  const encoding =
    text.length < COMPRESS_FROM_BYTES ? undefined : chooseEncoding(request.headers.get("accept-encoding"));
  if (encoding === undefined) return new Response(text, { headers });
  return compress(text, encoding).then(
    (bytes) => new Response(bytes, { headers: { ...headers, "content-encoding": encoding } }),
  );
}

type Encoding = "zstd" | "gzip";

export function chooseEncoding(accepted: string | null): Encoding | undefined {
  if (accepted === null) return undefined;
  const offered = new Set<string>();
  for (const part of accepted.toLowerCase().split(",")) {
    const [name = "", ...rules] = part.split(";").map((piece) => piece.trim());
    if (!rules.some((rule) => /^q=0(\.0*)?$/.test(rule))) offered.add(name);
  }
  if (offered.has("zstd")) return "zstd";
  return offered.has("gzip") ? "gzip" : undefined;
}

// Off the main thread: a large history must not hold up everybody's polls.
function compress(text: string, encoding: Encoding): Promise<Uint8Array<ArrayBuffer>> {
  if (encoding === "zstd") return Bun.zstdCompress(text) as Promise<Uint8Array<ArrayBuffer>>;
  return gzipAsync(text, { level: constants.Z_BEST_SPEED }) as Promise<Uint8Array<ArrayBuffer>>;
}
