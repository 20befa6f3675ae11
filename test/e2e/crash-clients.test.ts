/** A campaign whose clients leave jobs behind that nobody will ever end accuses the server of what it did not do. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Chance } from "./crash/chance.ts";
import { Ledger } from "./crash/ledger.ts";
import { submitUntilClosed } from "./crash/load.ts";

const drawn = (value: number): Chance => ({
  next: () => value,
  between: (least) => least,
  oneOf: ([first]) => first as never,
  shuffled: (items) => [...items],
});

/** Makes each job at the first request, whose answer is lost because the campaign ends, and tells of it at the next. */
class ForgetfulServer {
  readonly asked: string[] = [];
  readonly ledger = new Ledger();
  readonly #made = new Set<string>();
  readonly #server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => this.#answer(request) });
  readonly hasEnded = false;
  readonly log = "";

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  #answer(request: Request): Response {
    const path = new URL(request.url).pathname.replace("/api/v1/jobs/", "");
    this.asked.push(path);
    if (path.includes("/")) return Response.json({});
    const key = request.headers.get("idempotency-key") ?? "";
    const isKnown = this.#made.has(key);
    this.#made.add(key);
    this.ledger.isClosed = true;
    return isKnown ? Response.json({ job_id: "made" }, { status: 202 }) : new Response("", { status: 503 });
  }
}

let server: ForgetfulServer | undefined;
afterEach(async () => server?.stop());

async function lastOf(value: number): Promise<ForgetfulServer> {
  server = new ForgetfulServer();
  await submitUntilClosed({ name: "client", server, ledger: server.ledger, chance: drawn(value) });
  return server;
}

describe("a client of the crash campaign that waits for the answer to its last request", () => {
  test("cancels the job that runs until it is cancelled", async () => {
    const { asked, ledger } = await lastOf(0.95);
    expect(asked).toEqual(["endless", "endless", "made/cancel"]);
    expect(ledger.jobs.get("made")).toEqual({ flow: "cancelled" });
  });

  test("sends its events to the job that waits for them", async () => {
    const { asked } = await lastOf(0.22);
    expect(asked).toEqual(["listening", "listening", "made/event", "made/event"]);
  });
});
