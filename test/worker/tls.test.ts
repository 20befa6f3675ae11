import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TransportChoice } from "../../worker/settings.ts";
import { Worker } from "../../worker/index.ts";
import { FakeOrchestrator } from "./support/fake-orchestrator.ts";
import { runWorker } from "./support/running.ts";

// Made for these tests, for localhost alone, and valid for a hundred years.
const FOLDER = join(import.meta.dir, "support", "tls");
const CERTIFICATE = join(FOLDER, "localhost-certificate.pem");
const pem = (path: string) => readFileSync(path, "utf8");

const open: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

function begin(transport: TransportChoice, environment: Record<string, string>) {
  const tls = { cert: pem(CERTIFICATE), key: pem(join(FOLDER, "localhost-key.pem")) };
  const fake = new FakeOrchestrator({ tls, socket: true }).start();
  const running = runWorker(
    new Worker().task("echo", (params) => params),
    fake,
    { transport, environment },
  );
  open.push(fake, running);
  return { fake, running };
}

describe("an orchestrator behind a private authority", () => {
  test.each<TransportChoice>(["ws", "poll"])(
    "is served by %s once the worker knows that authority",
    async (transport) => {
      const { fake } = begin(transport, { TLS_CA_PATH: CERTIFICATE });
      if (transport === "ws") await fake.connected();
      else await fake.signal.until("the socket beside the polls", () => fake.hasSocket);
      const id = transport === "ws" ? fake.sendTask("echo", { n: 1 }) : fake.queueTask("echo", { n: 1 });

      expect(await fake.resultOf(id)).toMatchObject({ status: "success", data: { n: 1 } });
    },
  );

  test.each<TransportChoice>(["ws", "poll"])("is not trusted by %s otherwise", async (transport) => {
    const { running, fake } = begin(transport, {});
    await running.line("no connection to the orchestrator");

    expect(fake.connections + fake.requests.length).toBe(0);
  });
});
