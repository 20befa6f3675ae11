/** What a client of the HTTP API does. */
import { eventually, type Server, TOKENS } from "./binary.ts";

export interface JobDocument {
  readonly id: string;
  readonly status: string;
  readonly current_state: string;
  readonly initial_data: Readonly<Record<string, unknown>>;
  readonly state_history: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly progress?: number | null;
  readonly error?: { readonly code: string; readonly message: string } | null;
  readonly tasks?: readonly { readonly task_id: string; readonly type: string; readonly status: string }[];
}

const TERMINAL = ["finished", "failed", "cancelled", "quarantined", "error"];

export function isTerminal(status: string): boolean {
  return TERMINAL.includes(status);
}

/** A server that requests are sent to. */
export type Called = Pick<Server, "url" | "hasEnded" | "log">;

interface Call {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is given up after so long. */
  readonly patienceMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export async function call(
  server: Called,
  path: string,
  { method = "GET", body, headers = {}, patienceMs }: Call = {},
): Promise<Answer> {
  const response = await fetch(server.url + path, {
    method,
    headers: { "x-client-token": TOKENS.client, "content-type": "application/json", ...headers },
    ...(body !== undefined && { body }),
    ...(patienceMs !== undefined && { signal: AbortSignal.timeout(patienceMs) }),
  }).catch((error: unknown) => {
    // Nobody answers: whether the server is still there, and what it said, is what one needs to know.
    if (error instanceof Error)
      error.message += `\n(the server has ended: ${server.hasEnded})\n${server.log.slice(-2_000)}`;
    throw error;
  });
  const text = await response.text();
  return { status: response.status, text, headers: response.headers, body: objectOf(text) };
}

function objectOf(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    // Not every answer is JSON; `text` has it as it came.
    return {};
  }
}

export async function submit(server: Server, endpoint: string, data: object = {}): Promise<string> {
  const answer = await call(server, `/api/v1/${endpoint}`, {
    method: "POST",
    body: JSON.stringify({ initial_data: data }),
  });
  if (answer.status !== 202) throw new Error(`Submitting was answered ${answer.status}: ${answer.text}`);
  return String(answer.body["job_id"]);
}

export async function read(server: Server, id: string): Promise<JobDocument> {
  const answer = await call(server, `/api/v1/jobs/${id}`);
  if (answer.status !== 200) throw new Error(`Reading job ${id} was answered ${answer.status}: ${answer.text}`);
  return answer.body as unknown as JobDocument;
}

export async function cancel(server: Server, id: string): Promise<Answer> {
  return call(server, `/api/v1/jobs/${id}/cancel`, { method: "POST" });
}

export async function waitUntil(
  server: Server,
  id: string,
  what: string,
  holds: (job: JobDocument) => boolean,
  limitMs = 20_000,
): Promise<JobDocument> {
  let job = await read(server, id);
  try {
    await eventually(what, limitMs, async () => {
      job = await read(server, id);
      return holds(job);
    });
  } catch (error) {
    throw new Error(
      `${String(error)}\nThe job: ${JSON.stringify(job)}\nThe server's log:\n${server.log.slice(-3000)}`,
      {
        cause: error,
      },
    );
  }
  return job;
}

export function waitForEnd(server: Server, id: string, limitMs?: number): Promise<JobDocument> {
  return waitUntil(server, id, `job ${id} ends`, (job) => isTerminal(job.status), limitMs);
}

export function waitForRunningTask(server: Server, id: string): Promise<JobDocument> {
  return waitUntil(server, id, `a task of job ${id} runs`, (job) =>
    (job.tasks ?? []).some((task) => task.status === "running"),
  );
}
