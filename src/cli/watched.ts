/** A job that somebody watches until it ends, or for as long as they like: it goes on without them. */
import type { JsonMap } from "../system/errors.ts";
import type { Client } from "./client.ts";
import { type Follower, followJob } from "./follow.ts";
import { whileRunning } from "./stop.ts";
import type { Terminal } from "./terminal.ts";

/** What shells give to a command that Ctrl-C ended. */
export const EXIT_LEFT = 130;

export interface Watched {
  readonly client: Client;
  readonly terminal: Terminal;
  readonly jobId: string;
  readonly view: Follower & { close?(): void };
}

/** Undefined: whoever watched has left, and was told that the job goes on. */
export async function watchToTheEnd({ client, terminal, jobId, view }: Watched): Promise<JsonMap | undefined> {
  const job = await whileRunning(terminal, (stop) => {
    const left = new Promise<undefined>((resolve) => {
      stop.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    return Promise.race([followJob(client, terminal, jobId, view), left]);
  }).finally(() => view.close?.());
  // Behind the ^C that the terminal shows.
  if (job === undefined) terminal.err(`\nThe job goes on: orchestrator jobs watch ${jobId}\n`);
  return job;
}
