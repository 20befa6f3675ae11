import { afterEach, describe, expect, test } from "bun:test";
import { play } from "./stage.ts";

let server: Bun.Server<undefined> | undefined;
afterEach(() => void server?.stop(true));

function answering(answer: object, status = 200) {
  const seen: string[] = [];
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      seen.push(`${request.method} ${new URL(request.url).pathname}`);
      return Response.json(answer, { status });
    },
  });
  return { seen, flags: ["--url", `http://127.0.0.1:${server.port}`, "--token", "t"] };
}

const worker = {
  worker_id: "gpu-1",
  worker_type: "gpu",
  status: "busy",
  connected: true,
  draining: false,
  current_load: 2,
  reputation: 0.951,
  reputation_needed: 0.3,
  supported_skills: [{ name: "render" }, "scale"],
  resources: { max_concurrent_tasks: 4 },
};

describe("workers list", () => {
  test("leaves out those without a name that are away, and says so", async () => {
    const id = (digit: number) => `worker-01993c6e-7c1a-7000-8000-00000000000${digit}`;
    const gone = { ...worker, worker_id: id(1), connected: false, current_load: 0 };
    const atIt = { ...worker, worker_id: id(2), connected: false, current_load: 1 };
    const named = { ...worker, worker_id: "worker-001", connected: false, current_load: 0 };
    const { flags } = answering([worker, gone, atIt, named, { ...worker, worker_id: id(3) }]);
    const ids = (out: string) =>
      out
        .split("\n")
        .slice(1, -1)
        .map((line) => line.split(" ")[0]);
    const some = await play(["workers", "list", ...flags]);
    expect(ids(some.out)).toEqual(["gpu-1", id(2), "worker-001", id(3)]);
    expect(some.err).toBe("left out: 1 without a name (--id) that is away; --all shows all\n");
    const all = await play(["workers", "list", "--all", ...flags]);
    expect(ids(all.out)).toHaveLength(5);
    expect(all.err).toBe("");
    expect(JSON.parse((await play(["workers", "list", "--json", ...flags])).out).workers).toHaveLength(5);
  });

  test("says who is at work by what it runs, whatever it said last", async () => {
    const loads = [0, 1, 4, 6, "many"].map((load, index) => ({
      ...worker,
      worker_id: `w${index}`,
      status: "idle",
      current_load: load,
    }));
    const { flags } = answering([...loads, { ...worker, worker_id: "w5", status: "warming up" }]);
    const { out } = await play(["workers", "list", ...flags]);
    const states = out
      .split("\n")
      .slice(1, -1)
      .map((line) => line.split(/ {2,}/)[1]);
    expect(states).toEqual(["idle", "busy", "full", "full", "idle", "warming up"]);
  });

  test("shows who is there, how busy, and with which tasks", async () => {
    const drained = { ...worker, worker_id: "gpu-2", draining: true };
    const away = {
      worker_id: "old",
      connected: false,
      current_load: 0,
      supported_tasks: ["sum"],
      max_concurrent_tasks: 1,
    };
    const shutOut = { ...worker, worker_id: "gpu-3", reputation: 0.2999 };
    const { flags, seen } = answering([worker, drained, shutOut, away]);
    const { out, exitCode } = await play(["workers", "list", ...flags]);
    expect(exitCode).toBe(0);
    expect(seen).toEqual(["GET /api/workers"]);
    expect(out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["WORKER", "STATE", "RUNNING", "ROOM FOR", "REPUTATION", "TASKS"],
      ["gpu-1", "busy", "2", "4", "0.951", "render, scale"],
      ["gpu-2", "draining", "2", "4", "0.951", "render, scale"],
      ["gpu-3", "shut out", "2", "4", "0.2999", "render, scale"],
      ["old", "away", "0", "1", "-", "sum"],
      [""],
    ]);
  });

  test("with --json gives what the server says", async () => {
    const { flags } = answering([worker]);
    expect(JSON.parse((await play(["workers", "list", "--json", ...flags])).out)).toEqual({ workers: [worker] });
  });
});

describe("workers show", () => {
  test("shows each thing that is known", async () => {
    const { flags } = answering([worker]);
    const { out } = await play(["workers", "show", "gpu-1", ...flags]);
    expect(out).toMatch(/^worker_id +gpu-1\n/);
    expect(out).toMatch(/\ncurrent_load +2\n/);
  });

  test("names the worker that was meant where nobody has the id", async () => {
    const { flags } = answering([worker]);
    const { err, exitCode } = await play(["workers", "show", "gpu1", ...flags]);
    expect(exitCode).toBe(5);
    expect(err).toContain("gpu-1");
  });
});

describe("workers drain and resume", () => {
  for (const [change, became] of [
    ["drain", "draining"],
    ["resume", "resumed"],
  ] as const) {
    test(`${change} says what became of it`, async () => {
      const { flags, seen } = answering({ status: became });
      const { out, exitCode } = await play(["workers", change, "gpu 1", ...flags]);
      expect([out, exitCode]).toEqual([`gpu 1  ${became}\n`, 0]);
      expect(seen).toEqual([`POST /api/admin/workers/gpu%201/${change}`]);
    });
  }
});
