/** Clients that start jobs of every kind, lose replies, send again, and write down what was acknowledged. */
import { type Answer, call, type Called } from "../client.ts";
import type { Chance } from "./chance.ts";
import type { Expected, Ledger } from "./ledger.ts";

const AGAIN_MS = 20;
const PAUSE_MS_MAX = 40;
const BATCH_SIZE_MAX = 12;
/** Tries after the last blow: nothing is in the way of an answer then. */
const LATE_TRIES_MAX = 1_500;

export interface Client {
  readonly name: string;
  readonly server: Called;
  readonly ledger: Ledger;
  readonly chance: Chance;
}

export async function submitUntilClosed(client: Client): Promise<void> {
  for (let number = 0; !client.ledger.isClosed; number++) {
    await submitSomething(client, `${client.name}-${number}`);
    await Bun.sleep(client.chance.between(0, PAUSE_MS_MAX));
  }
}

async function submitSomething(client: Client, key: string): Promise<void> {
  const { chance } = client;
  const draw = chance.next();
  if (draw < 0.15) return submit(client, key, "counting", { steps: 1 }, { flow: "counting", steps: 1 });
  if (draw < 0.2) {
    return submit(client, key, "sleeping", { seconds: chance.next() * 2 }, { flow: "sleeping" });
  }
  if (draw < 0.25) return submitAndTell(client, key);
  if (draw < 0.3) {
    const children = 1 + Math.floor(chance.next() * 4);
    return submit(client, key, "family", { children }, { flow: "family", children });
  }
  if (draw < 0.5) return submit(client, key, "counting", { steps: 3 }, { flow: "counting", steps: 3 });
  if (draw < 0.55) return submit(client, key, "counting", { steps: 1, ms: 2000 }, { flow: "counting", steps: 1 });
  if (draw < 0.7) {
    const branches = 2 + Math.floor(chance.next() * 6);
    return submit(client, key, "fanned", { branches }, { flow: "fanned", branches });
  }
  if (draw < 0.8) return submit(client, key, "flaky", { failures: 2 }, { flow: "flaky", failures: 2 });
  if (draw < 0.84) {
    return submit(client, key, "flaky", { failures: 1000, attempts: 3 }, { flow: "doomed", attempts: 3 });
  }
  if (draw < 0.9) return submitBatch(client, key);
  return submitAndCancel(client, key);
}

async function submit(client: Client, key: string, flow: string, data: object, expected: Expected): Promise<void> {
  const body = JSON.stringify({ initial_data: data });
  const answer = await untilAcknowledged(client, `/api/v1/jobs/${flow}`, body, key);
  client.ledger.acknowledge(key, [String(answer.body["job_id"])], expected);
  if (client.chance.next() < 0.05) await submitAgain(client, key, flow, body, expected);
}

/** The reply was lost on its way, as far as the server can tell. */
async function submitAgain(client: Client, key: string, flow: string, body: string, expected: Expected): Promise<void> {
  const answer = await untilAcknowledged(client, `/api/v1/jobs/${flow}`, body, key);
  client.ledger.acknowledge(key, [String(answer.body["job_id"])], expected);
}

async function submitBatch(client: Client, mark: string): Promise<void> {
  const { server, ledger, chance } = client;
  const size = 2 + Math.floor(chance.next() * (BATCH_SIZE_MAX - 1));
  const batch = { size, isAcknowledged: false };
  ledger.batches.set(mark, batch);
  const body = JSON.stringify({ jobs: Array.from({ length: size }, () => ({ initial_data: { mark } })) });
  const path = "/api/v1/jobs/batched/batch";
  // Half of them have no key and are sent once: what became of one that was not answered shows in the store.
  const answer =
    chance.next() < 0.5 ? await untilAcknowledged(client, path, body, mark) : await post(server, path, body);
  if (answer?.status !== 202) return;
  batch.isAcknowledged = true;
  const jobs = answer.body["jobs"] as readonly { readonly job_id: string }[];
  const ids = jobs.map(({ job_id }) => job_id);
  ledger.acknowledge(mark, ids, { flow: "batched" });
}

/** Its events are sent until they are acknowledged, also after the others have stopped: it waits for them. */
async function submitAndTell(client: Client, key: string): Promise<void> {
  const { server, ledger, chance } = client;
  const created = await untilAcknowledged(client, "/api/v1/jobs/listening", '{"initial_data":{}}', key);
  const id = String(created.body["job_id"]);
  ledger.acknowledge(key, [id], { flow: "listening" });
  for (const number of [0, 1]) {
    await Bun.sleep(chance.between(0, 50));
    const body = JSON.stringify({ event: "number", data: number });
    for (;;) {
      const headers = { "idempotency-key": `${key}-${number}` };
      const answer = await post(server, `/api/v1/jobs/${id}/event`, body, headers);
      // Half of them are sent once more, as if the answer had been lost.
      if (answer?.status === 200 && chance.next() < 0.5) break;
      await Bun.sleep(AGAIN_MS);
    }
  }
}

async function submitAndCancel(client: Client, key: string): Promise<void> {
  const { chance, ledger } = client;
  const isQuick = chance.next() < 0.3;
  const [flow, data] = isQuick ? ["counting", { steps: 3 }] : ["endless", { hasTransition: chance.next() < 0.5 }];
  const body = JSON.stringify({ initial_data: data });
  const created = await untilAcknowledged(client, `/api/v1/jobs/${flow}`, body, key);
  const id = String(created.body["job_id"]);
  ledger.acknowledge(key, [id], isQuick ? { flow: "counting", steps: 3 } : { flow: "cancelled" });
  await Bun.sleep(chance.between(0, isQuick ? 10 : 300));
  await cancel(client, id, isQuick);
}

/** Until it is acknowledged, also after the others have stopped: a job that nobody cancels runs for ever. */
async function cancel({ server, ledger }: Client, id: string, isQuick: boolean): Promise<void> {
  let isFirst = true;
  for (;;) {
    const answer = await post(server, `/api/v1/jobs/${id}/cancel`, "");
    if (answer?.status === 200) return ledger.cancelled(id);
    // It ended of itself, or by a cancel before this one, whose answer was lost.
    if (answer?.status === 409) {
      if (!isFirst && isQuick) ledger.jobs.delete(id);
      return;
    }
    isFirst = false;
    await Bun.sleep(AGAIN_MS);
  }
}

/**
 * Sent again under the same key until it is acknowledged: nobody knows what a broken connection left behind. Also after the
 * others have stopped: it may have left a job that runs until this client cancels it, or waits for its events.
 */
async function untilAcknowledged(
  { server, ledger, chance }: Client,
  path: string,
  body: string,
  key: string,
): Promise<Answer> {
  let tries = 0;
  for (;;) {
    const patienceMs = chance.next() < 0.05 ? chance.between(1, 5) : undefined;
    const answer = await post(server, path, body, { "idempotency-key": key }, patienceMs);
    if (answer?.status === 202) return answer;
    if (ledger.isClosed && ++tries > LATE_TRIES_MAX) {
      throw new Error(`${path} was not acknowledged after the last blow: ${answer?.status} ${answer?.text}`);
    }
    await Bun.sleep(AGAIN_MS);
  }
}

/** Undefined: no answer came, and nobody knows why. */
async function post(
  server: Called,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
  patienceMs?: number,
): Promise<Answer | undefined> {
  const asked = call(server, path, { method: "POST", body, headers, ...(patienceMs && { patienceMs }) });
  return asked.catch(() => undefined);
}
