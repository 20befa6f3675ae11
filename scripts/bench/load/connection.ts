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

  const answer = new AnswerReader();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, chunk) {
        const text = chunk.toString("latin1");
        received = received === "" ? text : received + text;
        const body = answer.completeBody(received);
        if (body !== undefined) settle(body);
      },
      drain: flush,
      close: () => fail("the server closed the connection"),
      error: (_socket, error) => fail(error.message),
    },
  });

  function ask(request: Uint8Array, expect: number): Promise<string> {
    return new Promise((resolve, reject) => {
      if (waiting) throw new Error("one request at a time on a connection");
      if (over !== undefined) throw new Error(over);
      waiting = { expect, resolve, reject };
      unsent = request;
      flush();
    });
  }

  // A full socket takes a large batch in parts.
  function flush(): void {
    if (unsent.length > 0) unsent = unsent.subarray(Math.max(0, socket.write(unsent)));
  }

  const common = `Host: 127.0.0.1:${port}\r\n${headers}`;
  const posted = new Repeated(
    (path, body) =>
      `POST ${path} HTTP/1.1\r\n${common}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return {
    post: (path, body, expect) => ask(posted.bytesFor(path, body), expect),
    get: (path) => ask(Buffer.from(`GET ${path} HTTP/1.1\r\n${common}\r\n`, "latin1"), 200),
    close: () => void socket.end(),
  };
}

/** Most requests are the one before once more: it is made once. */
class Repeated {
  readonly #make: (path: string, body: string) => string;
  #path = "";
  #body = "";
  #bytes: Uint8Array = new Uint8Array();

  constructor(make: (path: string, body: string) => string) {
    this.#make = make;
  }

  bytesFor(path: string, body: string): Uint8Array {
    if (path !== this.#path || body !== this.#body) {
      this.#path = path;
      this.#body = body;
      this.#bytes = Buffer.from(this.#make(path, body), "latin1");
    }
    return this.#bytes;
  }
}

const CONTENT_LENGTH = /content-length: (?=\d)/i;
const CHUNKED = /transfer-encoding: chunked/i;

/** Finds the end of an answer. One server's answers are much alike: what tells their length is looked for where it was last. */
class AnswerReader {
  #lengthName = "";
  #lengthAt = 0;

  /** Undefined: there is more to come. */
  completeBody(received: string): string | undefined {
    const headEnd = received.indexOf(HEAD_END);
    if (headEnd === -1) return undefined;
    const begin = headEnd + HEAD_END.length;
    if (!this.#isWhereItWas(received, headEnd) && !this.#find(received.slice(0, headEnd))) {
      if (!CHUNKED.test(received.slice(0, headEnd))) return "";
      return received.endsWith(LAST_CHUNK) ? received.slice(begin, -LAST_CHUNK.length) : undefined;
    }
    const length = Number.parseInt(received.slice(this.#lengthAt, this.#lengthAt + 16), 10);
    return received.length < begin + length ? undefined : received.slice(begin, begin + length);
  }

  #isWhereItWas(received: string, headEnd: number): boolean {
    const name = this.#lengthName;
    return name !== "" && this.#lengthAt < headEnd && received.startsWith(name, this.#lengthAt - name.length);
  }

  #find(head: string): boolean {
    const found = CONTENT_LENGTH.exec(head);
    if (!found) return false;
    this.#lengthName = found[0];
    this.#lengthAt = found.index + found[0].length;
    return true;
  }
}
