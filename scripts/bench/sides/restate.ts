/** Restate with its defaults, which sync; the flow and its steps are services in processes of their own. */
import { dirname, join } from "node:path";
import type { HttpDoorSettings } from "../load/http-door.ts";
import { answers, eventually, freePort, Program } from "./program.ts";
import type { Side } from "./side.ts";

const bench = join(import.meta.dir, "..");
const peers = join(bench, "peers");

export const restate: Side = {
  name: "restate",
  promise: "Restate's log, synced before the answer; each step is a call to a service in the worker's process",
  // It has no call that creates many.
  workloads: ["w1", "w2", "w3", "w4"],
  async start(folder, started) {
    const [ingress, admin, node] = [freePort(), freePort(), freePort()];
    const server = new Program({
      name: "restate",
      command: [serverBinary(), "--base-dir", folder, "--listen-mode", "tcp"],
      folder,
      environment: {
        RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
        RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
        RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
        RESTATE_DISABLE_TELEMETRY: "true",
      },
    });
    started(server);
    const [flowPort, stepsPort, countPort] = [freePort(), freePort(), freePort()];
    const flow = service("flow", "restate-flow.ts", folder, flowPort, countPort);
    started(flow);
    const worker = service("worker", "restate-steps.ts", folder, stepsPort);
    started(worker);
    const programs = [server, flow, worker];
    await eventually("Restate is ready", programs, () => answers(`http://127.0.0.1:${admin}/health`));
    for (const port of [flowPort, stepsPort]) {
      await eventually("its services are known", programs, () => register(admin, port));
    }
    await eventually("its door is open", programs, () => answers(`http://127.0.0.1:${ingress}/restate/health`));
    return { programs, store: server, generator: { command: generatorFor(ingress, countPort) } };
  },
};

/** The program itself: what the package names is a script around it, whose use of the machine says nothing. */
function serverBinary(): string {
  const manifest = Bun.resolveSync(`@restatedev/restate-server-linux-${process.arch}/package.json`, peers);
  return join(dirname(manifest), "bin", "restate-server");
}

function service(name: string, file: string, folder: string, port: number, countPort?: number): Program {
  return new Program({
    name,
    command: [process.execPath, join(peers, file)],
    folder,
    environment: { PORT: String(port), ...(countPort !== undefined && { COUNT_PORT: String(countPort) }) },
  });
}

async function register(admin: number, port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${admin}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri: `http://127.0.0.1:${port}` }),
  }).catch(() => undefined);
  return response?.ok === true;
}

function generatorFor(port: number, countPort: number): string[] {
  const door: HttpDoorSettings = {
    port,
    headers: "",
    connections: 200,
    paths: { one: "/flow/one/send", three: "/flow/three/send", fan: "/flow/fan/send" },
    countPath: "/",
    countMark: "finished ",
    countPort,
    wait: { type: "call", paths: { one: "/flow/one", three: "/flow/three", fan: "/flow/fan" } },
  };
  return [process.execPath, join(bench, "load", "http-generator.ts"), JSON.stringify(door)];
}
