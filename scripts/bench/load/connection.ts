/** One keep-alive HTTP connection that costs as little as it can: the load must not be the limit. */
export interface Connection {
  /** Resolves with the body once it is complete. A status other than the expected one is an error. */
  post(path: string, body: string, expect: number): Promise<string>;
  get(path: string): Promise<string>;
  close(): void;
}

interface Waiting {
  readonly expect: number;
  readonly resolve: (body: string) => void;
  readonly reject: (error: Error) => void;
}

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "\r\n0\r\n\r\n";

/** `headers` are lines that go with each request, each with its line end. `closed`: the server has gone, or the caller. */
export async function openConnection(
  port: number,
  headers: string,
  closed: (reason: string) => void = () => undefined,
): Promise<Connection> {
  let waiting: Waiting | undefined;
  let received = "";
  /** Why there will be no more answers. */
  let over: string | undefined;
  let unsent: Uint8Array = new Uint8Array();

  function settle(body: string): void {
    const settled = waiting;
    const status = Number(received.slice(9, 12));
    waiting = undefined;
    received = "";
    if (status === settled?.expect) settled.resolve(body);
    else settled?.reject(new Error(`HTTP ${status}: ${body}`));
  }

  function fail(reason: string): void {
    over ??= reason;
    waiting?.reject(new Error(reason));
    waiting = undefined;
    closed(reason);
  }

  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, chunk) {
        received += chunk.toString("latin1");
        const body = completeBody(received);
        if (body !== undefined) settle(body);
      },
      drain: flush,
      close: () => fail("the server closed the connection"),
      error: (_socket, error) => fail(error.message),
    },
  });

  function ask(request: string, expect: number): Promise<string> {
    return new Promise((resolve, reject) => {
      if (waiting) throw new Error("one request at a time on a connection");
      if (over !== undefined) throw new Error(over);
      waiting = { expect, resolve, reject };
      unsent = Buffer.from(request, "latin1");
      flush();
    });
  }

  // A full socket takes a large batch in parts.
  function flush(): void {
    if (unsent.length > 0) unsent = unsent.subarray(Math.max(0, socket.write(unsent)));
  }

  const common = `Host: 127.0.0.1:${port}\r\n${headers}`;
  return {
    post: (path, body, expect) =>
      ask(
        `POST ${path} HTTP/1.1\r\n${common}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        expect,
      ),
    get: (path) => ask(`GET ${path} HTTP/1.1\r\n${common}\r\n`, 200),
    close: () => void socket.end(),
  };
}

/** Undefined: there is more to come. */
function completeBody(received: string): string | undefined {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd === -1) return undefined;
  const head = received.slice(0, headEnd).toLowerCase();
  const begin = headEnd + HEAD_END.length;
  if (head.includes("transfer-encoding: chunked")) {
    return received.endsWith(LAST_CHUNK) ? received.slice(begin, -LAST_CHUNK.length) : undefined;
  }
  const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
  return received.length < begin + length ? undefined : received.slice(begin, begin + length);
}
