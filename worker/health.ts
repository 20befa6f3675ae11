/** `GET /health` for whoever watches over the process: 200 while it takes tasks, 503 once it drains. */
import { messageOf, Refusal } from "../src/system/errors.ts";

export interface Health {
  readonly port: number;
  stop(): Promise<void>;
}

export function serveHealth(port: number, isDraining: () => boolean): Health {
  try {
    // Probes come from outside of a container: all addresses. Nothing is told but that it lives.
    const server = Bun.serve({ port, hostname: "0.0.0.0", fetch: (request) => answer(request, isDraining()) });
    return { port: server.port ?? port, stop: () => server.stop(true) };
  } catch (error) {
    const sentence = `The port ${port} of WORKER_PORT cannot be listened on (${messageOf(error)}): give another one, or unset it.`;
    throw new Refusal("PORT_UNAVAILABLE", 400, sentence);
  }
}

function answer(request: Request, isDraining: boolean): Response {
  const { pathname } = new URL(request.url);
  if (pathname !== "/health") return new Response("not found: ask for /health\n", { status: 404 });
  if (request.method !== "GET" && request.method !== "HEAD") return new Response("use GET\n", { status: 405 });
  return isDraining ? new Response("draining", { status: 503 }) : new Response("OK");
}
