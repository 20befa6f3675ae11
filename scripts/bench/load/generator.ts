/** The frame of every load generator: reads one order a line, carries it out, and answers with a line. */
import type { Door } from "./door.ts";
import { type LoadResult, type LoadSettings, runWorkload, type Workload } from "./workloads.ts";

export interface Order {
  readonly workload: Workload;
  readonly settings: LoadSettings;
}

export type Answer = { readonly result: LoadResult } | { readonly error: string };

/** The first line says that the door is open. Ends with its standard input. */
export async function generate(door: Door): Promise<void> {
  say({ ready: true });
  for await (const line of console) {
    const { workload, settings } = JSON.parse(line) as Order;
    try {
      say({ result: await runWorkload(door, workload, settings) } satisfies Answer);
    } catch (error) {
      say({ error: error instanceof Error ? error.message : String(error) } satisfies Answer);
    }
  }
  await door.close();
  process.exit(0);
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
