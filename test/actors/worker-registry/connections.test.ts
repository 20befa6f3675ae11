import { describe, expect, test } from "bun:test";
import { Connections } from "../../../actors/worker-registry/connections.ts";
import type { WorkerLink } from "../../../actors/orchestrator.ts";
import type { Poll } from "../../../actors/worker-registry/messages.ts";
import type { Caller } from "../../../src/protocol/process.ts";

function link(): WorkerLink & { readonly closed: string[] } {
  const closed: string[] = [];
  return {
    kind: "stream",
    task: () => true,
    cancel: () => true,
    close: (_code, reason) => void closed.push(reason),
    closed,
  };
}

function poll(isOpen = true, from?: Caller): Poll & { readonly got: (string | undefined)[] } {
  const got: (string | undefined)[] = [];
  return { isOpen, from, answer: (task) => void got.push(task), got };
}

const idle = () => 0;

describe("room for tasks", () => {
  test("is what ready streams have left, and one for each poll", () => {
    const connections = new Connections();
    connections.open(link(), "a", 3);
    connections.open(link(), "b", 2);
    connections.wait(poll());
    expect(connections.room(idle)).toBe(1);

    connections.ready("a");
    connections.ready("b");

    expect(connections.room((session) => (session === "a" ? 1 : 5))).toBe(3);
    expect(connections.choose((session) => (session === "a" ? 3 : 0))).toMatchObject({ session: "b" });
  });

  test("is not in a poll that is kept for a hand-out on its way to the disk", () => {
    const connections = new Connections();
    connections.wait(poll());
    connections.reserve("task");
    expect([connections.room(idle), connections.choose(idle)]).toEqual([0, undefined]);

    connections.unreserve("task");

    expect(connections.choose(idle)).toEqual({ session: undefined });
  });

  test("is not in a stream that drains, even if it was not ready yet", () => {
    const connections = new Connections();
    const draining = link();
    connections.open(draining, "a", 3);
    connections.drain(draining);

    connections.ready("a");

    expect(connections.room(idle)).toBe(0);
  });
});

describe("a task for a poll", () => {
  test("goes to the first that is still open", () => {
    const connections = new Connections();
    const [first, second] = [poll(), poll()];
    connections.wait(first);
    connections.wait(second);
    connections.leave(first);

    expect([connections.answerPoll("task"), connections.answerPoll("other")]).toEqual([second, undefined]);
    expect([first.got, second.got]).toEqual([[], ["task"]]);
  });

  test("never goes to one that was closed when it came", () => {
    const connections = new Connections();
    connections.wait(poll(false));
    expect([connections.isHere, connections.answerPoll("task")]).toEqual([false, undefined]);
  });

  test("never goes to one of a connection that its process has left", () => {
    const connections = new Connections();
    const [left, here, other, nobody] = [
      poll(true, { session: "a", connection: 1 }),
      poll(true, { session: "a", connection: 2 }),
      poll(true, { session: "b", connection: 1 }),
      poll(),
    ];
    for (const one of [left, here, other, nobody]) connections.wait(one);

    connections.leaveBehind({ session: "a", connection: 2 });
    expect([left.got, connections.answerPoll("first")]).toEqual([[undefined], here]);

    connections.leaveBehind({ session: "b" });
    expect([other.got, connections.answerPoll("second")]).toEqual([[undefined], nobody]);
  });
});

describe("a connection", () => {
  test("takes the place of its session's last one, which hears of it", () => {
    const connections = new Connections();
    const [before, now] = [link(), link()];
    connections.open(before, "a", 1);
    connections.open(now, "a", 1);

    expect(before.closed).toEqual(["New connection established"]);
    // The old one is gone for good only later: that takes nothing from the new one.
    expect(connections.lost(before)).toEqual([]);
    expect(connections.linkOf("a")).toBe(now);
    expect(connections.lost(now)).toEqual(["a"]);
    expect([connections.isOpen("a"), connections.isConnected]).toEqual([false, false]);
  });

  test("that ends leaves nothing open: polls, streams and socket", () => {
    const connections = new Connections();
    const [stream, socket, waiting] = [link(), link(), poll()];
    connections.open(stream, "a", 1);
    connections.takeSocket(socket);
    connections.wait(waiting);
    expect(connections.linkOf(undefined)).toBe(socket);

    connections.close(1001, "Server shutdown");

    expect([stream.closed, socket.closed, waiting.got]).toEqual([
      ["Server shutdown"],
      ["Server shutdown"],
      [undefined],
    ]);
  });
});
