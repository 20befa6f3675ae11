/** A program of somebody else's, on this machine: it keeps what it was sent, and answers as the test says. */
export interface Received {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly Received[];
  /** How the next requests are answered. */
  answer: (request: Received) => Response | Promise<Response>;
  /** Resolves once so many have come; rejects when they do not come in time. */
  count(wanted: number): Promise<readonly Received[]>;
  /** The first that the test looks for, once it has come. */
  find(isWanted: (one: Received) => boolean): Promise<Received>;
}

const WAIT_MS = 20_000;

export function startReceiver(): Receiver {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const one = { path: pathname + search, headers: request.headers, body: await request.text() };
      received.push(one);
      for (const look of waiting) look();
      return receiver.answer(one);
    },
  });
  function until<Found>(find: () => Found | undefined): Promise<Found> {
    const { promise, resolve, reject } = Promise.withResolvers<Found>();
    const late = setTimeout(
      () => reject(new Error(`what was awaited did not come, but ${received.length} did`)),
      WAIT_MS,
    );
    const look = () => {
      const found = find();
      if (found !== undefined) resolve(found);
    };
    waiting.add(look);
    look();
    return promise.finally(() => {
      clearTimeout(late);
      waiting.delete(look);
    });
  }

  const receiver: Receiver = {
    url: `http://127.0.0.1:${server.port}`,
    received,
    answer: () => new Response("ok"),
    count: (wanted) => until(() => (received.length >= wanted ? received : undefined)),
    find: (isWanted) => until(() => received.find(isWanted)),
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
  return receiver;
}
