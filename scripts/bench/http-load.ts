/** One keep-alive HTTP connection that costs as little as it can: the load must not be the limit. */
export interface LoadClient {
  /** Resolves with the body. A status other than the expected one is an error. */
  post(path: string, body: string, expect: number): Promise<string>;
  get(path: string): Promise<string>;
}

interface Waiting {
  readonly expect: number;
  readonly resolve: (body: string) => void;
  readonly reject: (error: Error) => void;
}

export async function createClient(port: number, token: string): Promise<LoadClient> {
  let waiting: Waiting | undefined;
  let received = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, chunk) {
        received += chunk.toString("latin1");
        const headEnd = received.indexOf("\r\n\r\n");
        if (headEnd === -1 || !waiting) return;
        const length = Number(/content-length: (\d+)/i.exec(received.slice(0, headEnd))?.[1] ?? 0);
        if (received.length < headEnd + 4 + length) return;
        const status = Number(received.slice(9, 12));
        const body = received.slice(headEnd + 4, headEnd + 4 + length);
        const { expect, resolve, reject } = waiting;
        waiting = undefined;
        received = "";
        if (status === expect) resolve(body);
        else reject(new Error(`${status}: ${body}`));
      },
      close() {
        waiting?.reject(new Error("the server closed the connection"));
      },
    },
  });
  function ask(request: string, expect: number): Promise<string> {
    return new Promise((resolve, reject) => {
      waiting = { expect, resolve, reject };
      socket.write(request);
    });
  }
  const head = `Host: 127.0.0.1:${port}\r\nX-Client-Token: ${token}\r\n`;
  return {
    post: (path, body, expect) =>
      ask(
        `POST ${path} HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        expect,
      ),
    get: (path) => ask(`GET ${path} HTTP/1.1\r\n${head}\r\n`, 200),
  };
}
