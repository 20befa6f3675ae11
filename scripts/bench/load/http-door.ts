/** Any system with an HTTP door, described by its paths: ours and the peers' fronts get the same treatment. */
import { type Connection, openConnection } from "./connection.ts";
import { type Door, type Flow, PAYLOAD } from "./door.ts";

export interface HttpDoorSettings {
  readonly port: number;
  /** Header lines of each request, each with its line end. */
  readonly headers: string;
  readonly connections: number;
  /** Where a job of each kind is created; the answer has its id as `job_id`. */
  readonly paths: Paths;
  /** Takes `{"jobs":[{"initial_data":…}, …]}`. */
  readonly batchPath?: string;
  /** A text with the number of finished jobs behind `countMark`. */
  readonly countPath: string;
  readonly countMark: string;
  /** Left out: at the same port. */
  readonly countPort?: number;
  readonly wait: Wait;
}

interface Paths {
  readonly one: string;
  readonly three: string;
  readonly fan: string;
}

/** How a client is told that its job has ended: the answer is complete then, and says how. */
export type Wait =
  /** By a second request, for the job; `{id}` stands for it. */
  | { readonly type: "read"; readonly path: string }
  /** By the answer to the creation, at these other paths. */
  | { readonly type: "call"; readonly paths: Paths };

const FINISHED = '"status":"finished"';

export async function openHttpDoor(settings: HttpDoorSettings): Promise<Door> {
  const { port, headers, connections, paths, batchPath, wait, countPort } = settings;
  const all = await Promise.all(Array.from({ length: connections }, () => openConnection(port, headers)));
  const free: Connection[] = [...all];
  const counting = countPort === undefined ? undefined : await openConnection(countPort, "");
  const body = JSON.stringify(PAYLOAD);
  let batch = { count: 0, body: "" };

  async function withConnection<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = free.pop();
    if (!connection) throw new Error("more requests at once than connections");
    const result = await use(connection);
    free.push(connection);
    return result;
  }

  function createAndWait(kind: keyof Paths, text: string): Promise<void> {
    return withConnection(async (connection) => {
      const told = await (wait.type === "call"
        ? connection.post(wait.paths[kind], text, 200)
        : createAndRead(connection, paths[kind], text, wait.path));
      if (!told.includes(FINISHED)) throw new Error(`a job did not finish: ${told}`);
    });
  }

  return {
    create: (flow: Flow) => withConnection(async (connection) => void (await connection.post(paths[flow], body, 202))),
    ...(batchPath !== undefined && {
      createMany(count: number) {
        if (batch.count !== count) batch = { count, body: batchBody(count) };
        return withConnection(async (connection) => void (await connection.post(batchPath, batch.body, 202)));
      },
    }),
    async finished() {
      const text = await (counting?.get(settings.countPath) ??
        withConnection((connection) => connection.get(settings.countPath)));
      const at = text.indexOf(settings.countMark);
      return at === -1 ? 0 : Number.parseInt(text.slice(at + settings.countMark.length), 10);
    },
    createAndWait: (flow) => createAndWait(flow, body),
    fanAndWait: (steps) => createAndWait("fan", JSON.stringify({ count: steps })),
    async close() {
      for (const connection of all) connection.close();
      counting?.close();
    },
  };
}

async function createAndRead(connection: Connection, path: string, text: string, readPath: string): Promise<string> {
  const { job_id: id } = JSON.parse(await connection.post(path, text, 202)) as { job_id: string };
  return connection.get(readPath.replace("{id}", id));
}

function batchBody(count: number): string {
  const job = `{"initial_data":${JSON.stringify(PAYLOAD)}}`;
  return `{"jobs":[${Array.from({ length: count }, () => job).join(",")}]}`;
}
