/** The WebSockets of workers: authenticated before they are upgraded. */
import { Elysia } from "elysia";
import { identityOf } from "../access/access.ts";
import { createSignatureCheck } from "../access/message-signatures.ts";
import type { AppOptions } from "./app.ts";
import { describe } from "./descriptions.ts";
import { createSocketSession } from "./socket.ts";
import { createStreamSession } from "./stream.ts";
import { presentedToken, workerHint } from "./worker.ts";

export function streamRoutes({ orchestrator, system, settings, door, connections }: Omit<AppOptions, "parking">) {
  const { workers, jobs } = orchestrator;
  const { clock, log, scheduler } = system;
  const told = describe("worker");
  const legacy = (request: Request, claimed: string | undefined) => {
    const grant = door.worker(request, claimed);
    const workerId = identityOf(grant, claimed ?? workerHint(request));
    const signatures = createSignatureCheck(presentedToken(request), clock);
    const options = { workers, jobs, connections, log, signatures };
    return connections.upgrade(request, createSocketSession(options, grant, workerId));
  };
  return new Elysia({ prefix: "/_worker" })
    .get("/ws", ({ request }) => legacy(request, undefined), told("Progress up, cancellations down"))
    .get("/ws/:id", ({ request, params }) => legacy(request, params.id), told("The same, with the worker's id"))
    .get(
      "/stream",
      ({ request }) => {
        const grant = door.worker(request);
        const { heartbeatSeconds } = settings;
        const signatures = createSignatureCheck(presentedToken(request), clock);
        const options = { workers, connections, scheduler, log, heartbeatSeconds, signatures };
        return connections.upgrade(request, createStreamSession(options, grant));
      },
      told("Tasks down and results up, many in a message"),
    );
}
