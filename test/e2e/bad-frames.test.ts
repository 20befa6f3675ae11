/** What a hostile or broken worker sends over its sockets: each has a name, costs its own connection at most, and the server goes on. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, isBuilt, type Program, Server, startWorker, TOKENS } from "./binary.ts";
import { submit, waitForEnd } from "./client.ts";

const LIMIT_MS = 60_000;
const FIFTY_MB = 50 * 1024 * 1024;
const OURS = "/_worker/stream";
const OLD = "/_worker/ws/odd";

const server = new Server({ blueprints: join(import.meta.dir, "blueprints") });
let honest: Program;

beforeAll(async () => {
  if (!isBuilt) return;
  await server.start();
  honest = startWorker(server, [join(import.meta.dir, "workers", "durable.ts")], ["--id", "honest"]);
}, LIMIT_MS);
afterAll(async () => {
  await honest?.kill();
  await server.remove();
});

async function connect(path: string) {
  const socket = new WebSocket(server.url.replace("http", "ws") + path, {
    headers: { "x-worker-token": TOKENS.worker },
  });
  const heard: string[] = [];
  const end: { code?: number; reason?: string } = {};
  socket.addEventListener("message", ({ data }) => heard.push(String(data)));
  socket.addEventListener("close", ({ code, reason }) => Object.assign(end, { code, reason }));
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  return { socket, heard, end };
}

const hello = (id: string, session: string) =>
  JSON.stringify([{ type: "hello", session, registration: { worker_id: id, supported_tasks: ["odd"] }, running: [] }]);

describe.skipIf(!isBuilt)("frames that no worker should send", () => {
  test(
    "no JSON, no frames, bytes: our stream names each and stays; the old socket stays and the log tells",
    async () => {
      const ours = await connect(OURS);
      for (const text of ["this is no JSON", "{}", "[1]", '[{"type":"nonsense"}]']) ours.socket.send(text);
      ours.socket.send(new Uint8Array([255, 254, 0]));
      ours.socket.send(hello("odd", "one"));
      await eventually("it is welcome", 5_000, async () => ours.heard.join().includes("welcome"));
      const codes = [...ours.heard.join().matchAll(/"code":"(\w+)"/g)].map(([, code]) => code);
      expect(codes).toEqual(["INVALID_JSON", "BAD_MESSAGE", "BAD_FRAME", "BAD_FRAME", "INVALID_JSON"]);

      const old = await connect(OLD);
      old.socket.send("this is no JSON");
      await eventually("the log says so", 5_000, async () => server.log.includes("sent what is no JSON object"));
      expect([ours.end, old.end]).toEqual([{}, {}]);
      ours.socket.close();
      old.socket.close();
    },
    LIMIT_MS,
  );

  test.each([OURS, OLD])(
    "50 MB on %s: the connection is closed with the reason, and the log says whose it was",
    async (path) => {
      const { socket, end } = await connect(path);
      if (path === OURS) socket.send(hello("odd", "large"));
      socket.send(" ".repeat(FIFTY_MB));
      await eventually("it is closed", 20_000, async () => end.code !== undefined);
      expect(end).toEqual({ code: 1009, reason: expect.stringContaining("MESSAGE_TOO_LARGE: at most") });
      expect(server.log).toMatch(/"code":"MESSAGE_TOO_LARGE","worker":"odd"/);
    },
    LIMIT_MS,
  );

  test(
    "and the work of others goes on",
    async () => {
      const job = await waitForEnd(server, await submit(server, "jobs/marking", { steps: 3 }));
      expect([job.status, server.hasEnded, honest.hasEnded]).toEqual(["finished", false, false]);
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("a second socket for one id", () => {
  test(
    "of another process is welcome beside the first, of the same session it takes its place",
    async () => {
      const [first, replica] = [await connect(OURS), await connect(OURS)];
      first.socket.send(hello("twin", "one"));
      replica.socket.send(hello("twin", "two"));
      await eventually("both are in", 5_000, async () => first.heard.length > 0 && replica.heard.length > 0);
      const again = await connect(OURS);
      again.socket.send(hello("twin", "one"));
      await eventually("the first is closed", 5_000, async () => first.end.code !== undefined);
      expect(first.end).toEqual({ code: 1008, reason: "New connection established" });
      await eventually("the newer one is in", 5_000, async () => again.heard.join().includes("welcome"));
      expect([replica.end, again.end]).toEqual([{}, {}]);
      replica.socket.close();
      again.socket.close();
    },
    LIMIT_MS,
  );
});
