/** The command line of a worker that another process watches: the settings as they were resolved, whatever they came from. */
import type { WorkerCall } from "./parts.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export function watchedCommand(
  { files, settings, socket }: Pick<WorkerCall, "files" | "settings" | "socket">,
  environment: Environment,
): { readonly argv: readonly string[]; readonly environment: Environment } {
  const { url, token, id, transport, concurrency, dataDir, port, logLevel, logFormat } = settings;
  const flags = {
    "--url": socket === undefined && url !== environment["ORCHESTRATOR_URL"] ? url : undefined,
    "--id": id,
    "--transport": transport,
    "--concurrency": concurrency,
    "--data-dir": socket === undefined ? dataDir : folderOf(socket),
    "--log-level": logLevel,
    "--log-format": logFormat,
  };
  const argv = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
  const own = environmentFor(environment, socket, token);
  // It may stand in a settings file that the worker is not told of.
  const withPort = port === undefined ? own : { ...own, ORCHESTRATOR_PORT: String(port) };
  return { argv: ["worker", ...files, ...argv], environment: withPort };
}

/** A token is no argument, because everybody on the machine sees those. Who has the local door needs none. */
function environmentFor(environment: Environment, socket: string | undefined, token: string | undefined): Environment {
  const names = ["WORKER_INDIVIDUAL_TOKEN", "AVTOMATIKA_WORKER_TOKEN", "WORKER_TOKEN"];
  if (socket !== undefined) {
    const doors = [...names, "ORCHESTRATOR_URL", "ORCHESTRATOR_TOKEN", "ORCHESTRATORS_CONFIG"];
    return Object.fromEntries(Object.entries(environment).filter(([name]) => !doors.includes(name)));
  }
  if (token === undefined || names.some((name) => environment[name] === token)) return environment;
  return { ...environment, WORKER_INDIVIDUAL_TOKEN: token };
}

function folderOf(socket: string): string {
  return socket.replace(/\/[^/]*$/, "") || ".";
}
