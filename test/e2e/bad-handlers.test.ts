import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isBuilt, Server, startWorker, temporaryFolder } from "./binary.ts";
import { submit, waitForEnd } from "./client.ts";

const LIMIT_MS = 120_000;

const FLOWS: Readonly<Record<string, string>> = {
  throws_while_loading: `throw new Error("this file does not load");`,
  loops: flow(
    "loops",
    `transitionTo("again")`,
    `flow.handlerFor("again", (_, actions) => actions.transitionTo("start"));`,
  ),
  no_outcome: flow("no_outcome", undefined),
  two_outcomes: flow("two_outcomes", `transitionTo("finished"); actions.transitionTo("failed")`),
  throws: flow("throws", undefined, "", `throw new Error("handler broke");`),
  never_returns: flow("never_returns", undefined, "", "return new Promise(() => undefined);", "timeoutSeconds: 0.3"),
  blocks: flow("blocks", undefined, "", "while (true) {}", "timeoutSeconds: 1"),
};

function flow(name: string, action: string | undefined, more = "", body = "", options = ""): string {
  return `import { Blueprint } from "orchestrator";
const flow = new Blueprint({ name: "${name}", apiEndpoint: "jobs/${name}" });
flow.handlerFor("start", { isStart: true, ${options} }, (context, actions) => {
  ${action === undefined ? "" : `actions.${action};`}
  ${body}
});
${more}
export default flow;
`;
}

describe.skipIf(!isBuilt)("handlers that misbehave cost their own job and nothing else", () => {
  const folder = temporaryFolder();
  const blueprints = join(folder.path, "blueprints");
  const server = new Server({ blueprints });
  let worker: ReturnType<typeof startWorker> | undefined;

  beforeAll(async () => {
    mkdirSync(blueprints);
    for (const [name, source] of Object.entries(FLOWS)) writeFileSync(join(blueprints, `${name}.ts`), source);
    const counting = join(import.meta.dir, "blueprints", "counting.ts");
    writeFileSync(join(blueprints, "counting.ts"), await Bun.file(counting).text());
    await server.start();
    worker = startWorker(server, [join(import.meta.dir, "workers", "counting.ts")]);
  }, LIMIT_MS);
  afterAll(async () => {
    await worker?.kill();
    await server.remove();
    folder.remove();
  });

  test(
    "a file that throws while it loads is refused by name, and the others serve",
    async () => {
      expect(server.log).toContain("throws_while_loading");
      expect(server.log).toContain("this file does not load");
      const job = await waitForEnd(server, await submit(server, "jobs/counting", { steps: 1 }));
      expect(job.status).toBe("finished");
    },
    LIMIT_MS,
  );

  test.each([
    ["loops for ever between its states", "loops"],
    ["returns without an outcome", "no_outcome"],
    ["records two outcomes", "two_outcomes"],
  ])(
    "a blueprint that %s fails at once, with the reason",
    async (_, name) => {
      const job = await waitForEnd(server, await submit(server, `jobs/${name}`), 5000);
      expect(job.status).toBe("failed");
      expect(job.error?.message).toBeTruthy();
    },
    LIMIT_MS,
  );

  test.each([
    ["throws", "throws"],
    ["never returns", "never_returns"],
  ])(
    "a handler that %s is run again up to its limit, then its job goes into quarantine",
    async (_, name) => {
      const job = await waitForEnd(server, await submit(server, `jobs/${name}`), 60_000);
      expect(job).toMatchObject({ status: "quarantined", current_state: "start" });
      expect(job.error?.message).toBeTruthy();
    },
    LIMIT_MS,
  );

  test(
    "while a handler blocks its thread for good, other jobs go on within 5 s",
    async () => {
      const blocked = await submit(server, "jobs/blocks");
      const others = await Promise.all(Array.from({ length: 10 }, () => submit(server, "jobs/counting", { steps: 2 })));
      const ended = await Promise.all(others.map((id) => waitForEnd(server, id, 5000)));
      expect(ended.map(({ status }) => status)).toEqual(others.map(() => "finished"));

      const job = await waitForEnd(server, blocked, 90_000);
      expect(job).toMatchObject({ status: "quarantined", current_state: "start" });
      const lines = server.log.split("\n").filter((line) => line.includes(blocked));
      expect(lines.some((line) => line.includes("blocks") && line.includes("start"))).toBe(true);
    },
    LIMIT_MS,
  );
});
