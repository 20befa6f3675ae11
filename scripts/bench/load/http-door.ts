/** Any system with an HTTP door, described by its paths: ours and the peers' fronts get the same treatment. */
import { type Connection, openConnection } from "./connection.ts";
import { type Door, type Flow, PAYLOAD } from "./door.ts";

export interface HttpDoorSettings {
  readonly port: number;
  /** Header lines of each request, each with its line end. */
  readonly headers: string;
  readonly connections: number;
  /** Where a job of each kind is created; the answer has its id as `job_id`. */
  readonly paths: { readonly one: string; readonly three: string; readonly fan: string };
  /** Takes `{"jobs":[{"initial_data":…}, …]}`. */
  readonly batchPath: string;
  /** A text with the number of finished jobs behind `countMark`. */
  readonly countPath: string;
  readonly countMark: string;
  /** `{id}` stands for the job; the answer is complete when the job has ended, and says how. */
  readonly waitPath: string;
}

const FINISHED = '"status":"finished"';

export async function openHttpDoor(settings: HttpDoorSettings): Promise<Door> {
  const { port, headers, connections, paths } = settings;
  const all = await Promise.all(Array.from({ length: connections }, () => openConnection(port, headers)));
  const free: Connection[] = [...all];
  const body = JSON.stringify(PAYLOAD);
  let batch = { count: 0, body: "" };

  async function withConnection<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = free.pop();
    if (!connection) throw new Error("more requests at once than connections");
    const result = await use(connection);
    free.push(connection);
    return result;
  }

  function createAndWait(path: string, text: string): Promise<void> {
    return withConnection(async (connection) => {
      const { job_id: id } = JSON.parse(await connection.post(path, text, 202)) as { job_id: string };
      const told = await connection.get(settings.waitPath.replace("{id}", id));
      if (!told.includes(FINISHED)) throw new Error(`job ${id} did not finish: ${told}`);
    });
  }

  return {
    create: (flow: Flow) => withConnection(async (connection) => void (await connection.post(paths[flow], body, 202))),
    createMany(count) {
      if (batch.count !== count) batch = { count, body: batchBody(count) };
      return withConnection(async (connection) => void (await connection.post(settings.batchPath, batch.body, 202)));
    },
    async finished() {
      const text = await withConnection((connection) => connection.get(settings.countPath));
      const at = text.indexOf(settings.countMark);
      return at === -1 ? 0 : Number.parseInt(text.slice(at + settings.countMark.length), 10);
    },
    createAndWait: (flow) => createAndWait(paths[flow], body),
    fanAndWait: (steps) => createAndWait(paths.fan, JSON.stringify({ count: steps })),
    async close() {
      for (const connection of all) connection.close();
    },
  };
}

function batchBody(count: number): string {
  const job = `{"initial_data":${JSON.stringify(PAYLOAD)}}`;
  return `{"jobs":[${Array.from({ length: count }, () => job).join(",")}]}`;
}
