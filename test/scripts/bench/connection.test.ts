import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Socket, TCPSocketListener } from "bun";
import { type Connection, openConnection } from "../../../scripts/bench/load/connection.ts";

const asked: string[] = [];
let answers: readonly string[] = [];
let server: TCPSocketListener;
let connection: Connection;

/** Each request is answered with the next of the answers, in the parts that it is made of. */
function answer(socket: Socket<unknown>, text: string): void {
  asked.push(text);
  const next = answers[asked.length - 1] ?? "";
  // Parts that are written apart from each other arrive apart: no delay keeps them together.
  for (const part of next.split("|")) {
    socket.write(part);
    socket.flush();
  }
}

beforeEach(async () => {
  asked.length = 0;
  server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: (socket) => void socket.setNoDelay(true), data: (socket, data) => answer(socket, data.toString()) },
  });
  connection = await openConnection(server.port, "X-A: b\r\n");
});

afterEach(() => {
  connection.close();
  server.stop(true);
});

const ok = (headers: string, body: string) => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`;

describe("an answer is complete", () => {
  test.each([
    ["with its length", "Content-Length: 5", "hello", "hello"],
    ["with its length in small letters", "a: b\r\ncontent-length: 5\r\nc: d", "hello", "hello"],
    ["in parts", "Content-Le|ngth: 5", "he|llo", "hello"],
    ["with none", "Content-Length: 0", "", ""],
    ["in chunks, whose marks are left in", "Transfer-Encoding: chunked", "5\r\nhello|\r\n0\r\n\r\n", "5\r\nhello"],
  ])("%s", async (_what, headers, body, expected) => {
    answers = [ok(headers, body)];
    expect(await connection.get("/a")).toBe(expected);
  });
});

test("answers one after the other may differ in all", async () => {
  answers = [
    ok("Content-Length: 2", "ab"),
    ok("Content-Length: 12", "abcdefghijkl"),
    ok("content-length: 1", "x"),
    ok("Date: today\r\nContent-Length: 3", "abc"),
  ];
  const bodies: string[] = [];
  for (let index = 0; index < 4; index++) bodies.push(await connection.get("/a"));
  expect(bodies).toEqual(["ab", "abcdefghijkl", "x", "abc"]);
});

test("what is sent is what is asked for each time, repeated or not", async () => {
  answers = Array.from({ length: 5 }, () => ok("Content-Length: 0", ""));
  for (const [path, body] of [
    ["/a", "1"],
    ["/a", "1"],
    ["/b", "1"],
    ["/b", "22"],
  ] as const) {
    await connection.post(path, body, 200);
  }
  await connection.get("/b");

  const common = `Host: 127.0.0.1:${server.port}\r\nX-A: b\r\n`;
  const posted = (path: string, body: string) =>
    `POST ${path} HTTP/1.1\r\n${common}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  expect(asked).toEqual([
    posted("/a", "1"),
    posted("/a", "1"),
    posted("/b", "1"),
    posted("/b", "22"),
    `GET /b HTTP/1.1\r\n${common}\r\n`,
  ]);
});

test("another status than the expected one is an error that tells the answer", async () => {
  answers = [ok("Content-Length: 3", "why")];
  await expect(connection.post("/a", "1", 202)).rejects.toThrow("HTTP 200: why");
});
