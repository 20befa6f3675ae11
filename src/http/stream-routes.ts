/** The WebSockets of workers: authenticated before they are upgraded. */
import { Elysia } from "elysia";
import { identityOf } from "../access/access.ts";
import type { AppOptions } from "./app.ts";
import { describe } from "./descriptions.ts";
import { createSocketSession } from "./socket.ts";
import { createStreamSession } from "./stream.ts";
import { workerHint } from "./worker.ts";

export function streamRoutes({ orchestrator, system, settings, door, connections }: Omit<AppOptions, "parking">) {
  const { workers, jobs } = orchestrator;
  const { log, scheduler } = system;
  const told = describe("worker");
  const legacy = (request: Request, claimed: string | undefined) => {
    const grant = door.worker(request, claimed);
    const workerId = identityOf(grant, claimed ?? workerHint(request));
    return connections.upgrade(request, createSocketSession({ workers, jobs, connections, log }, grant, workerId));
  };
  return new Elysia({ prefix: "/_worker" })
    .get("/ws", ({ request }) => legacy(request, undefined), told("Progress up, cancellations down"))
    .get("/ws/:id", ({ request, params }) => legacy(request, params.id), told("The same, with the worker's id"))
    .get(
      "/stream",
      ({ request }) => {
        const grant = door.worker(request);
        const { heartbeatSeconds } = settings;
        const options = { workers, connections, scheduler, log, heartbeatSeconds };
        return connections.upgrade(request, createStreamSession(options, grant));
      },
      told("Tasks down and results up, many in a message"),
    );
}
