/** How one worker is reached: its streams, the socket of a poller, and the polls that wait for a task. */
import type { Reply } from "../../src/runtime/types.ts";
import type { WorkerLink } from "../orchestrator.ts";
import type { Place } from "./leases.ts";
import type { Poll } from "./messages.ts";

/** One process of the worker's. */
interface Stream {
  readonly link: WorkerLink;
  readonly session: string;
  capacity: number;
  /** False while claims are being looked up, and once it drains: nothing is sent. */
  ready: boolean;
  draining: boolean;
}

const BY_POLL = { session: undefined };

/** Who has sent a connection its answer: the tasks that it is to end. */
export type Welcome = Pick<Reply<readonly string[]>, "ok">;

export class Connections {
  readonly #streams = new Map<string, Stream>();
  /** The same, for going through them with each task. */
  #inOrder: readonly Stream[] = [];
  #socket: WorkerLink | undefined;
  #polls: Poll[] = [];
  /** Tasks for a poll whose hand-out is on its way to the disk. */
  readonly #reserved = new Set<string>();

  get isConnected(): boolean {
    return this.hasStreams || this.#socket !== undefined;
  }

  get hasStreams(): boolean {
    return this.#streams.size > 0;
  }

  /** Connected, or waiting with a poll. */
  get isHere(): boolean {
    return this.isConnected || this.#polls.length > 0;
  }

  /** How many tasks more could be sent. `running`: how many a session has. */
  room(running: (session: string) => number): number {
    let room = this.#freePolls;
    for (const stream of this.#inOrder) room += roomIn(stream, running);
    return room;
  }

  /** Where the next task goes: a session, a poll, or nowhere. */
  choose(running: (session: string) => number): { readonly session: string | undefined } | undefined {
    for (const stream of this.#inOrder) if (roomIn(stream, running) > 0) return stream;
    return this.#freePolls > 0 ? BY_POLL : undefined;
  }

  /** Without one: where a poller is told. */
  linkOf(session: string | undefined): WorkerLink | undefined {
    return session === undefined ? this.#socket : this.#streams.get(session)?.link;
  }

  close(code: number, reason: string): void {
    for (const poll of this.#polls) poll.answer(undefined);
    for (const stream of this.#streams.values()) stream.link.close(code, reason);
    this.#socket?.close(code, reason);
  }

  // ---- polls

  wait(poll: Poll): void {
    if (poll.isOpen) this.#polls.push(poll);
  }

  leave(poll: Poll): void {
    this.#polls = this.#polls.filter((one) => one !== poll);
  }

  /** The process is at another connection now: nobody reads what would be answered over those before. */
  leaveBehind({ session, connection = Number.POSITIVE_INFINITY }: Place): void {
    const isLeft = ({ from }: Poll) => from?.session === session && from.connection < connection;
    for (const poll of this.#polls) if (isLeft(poll)) poll.answer(undefined);
    this.#polls = this.#polls.filter((poll) => !isLeft(poll));
  }

  /** A poll is kept for the task until its hand-out is written. */
  reserve(taskId: string): void {
    this.#reserved.add(taskId);
  }

  unreserve(taskId: string): void {
    this.#reserved.delete(taskId);
  }

  /** Returns who gets it; undefined: nobody waits any more. */
  answerPoll(payload: string): Poll | undefined {
    for (let poll = this.#polls.shift(); poll; poll = this.#polls.shift()) {
      if (!poll.isOpen) continue;
      poll.answer(payload);
      return poll;
    }
    return undefined;
  }

  /** Polls that no hand-out on its way to the disk is meant for. */
  get #freePolls(): number {
    return Math.max(0, this.#polls.length - this.#reserved.size);
  }

  // ---- sockets and streams

  takeSocket(link: WorkerLink): void {
    this.#socket?.close(1008, "New connection established");
    this.#socket = link;
  }

  /** Takes the place of the session's last connection; nothing is sent before it is ready. */
  open(link: WorkerLink, session: string, capacity: number): void {
    this.#streams.get(session)?.link.close(1008, "New connection established");
    this.#streams.set(session, { link, session, capacity, ready: false, draining: false });
    this.#inOrder = [...this.#streams.values()];
  }

  isOpen(session: string): boolean {
    return this.#streams.has(session);
  }

  ready(session: string): void {
    const stream = this.#streams.get(session);
    if (stream) stream.ready = !stream.draining;
  }

  /** Of one link, or of all. */
  resize(capacity: number, link: WorkerLink | undefined): void {
    for (const stream of this.#streams.values()) if (!link || stream.link === link) stream.capacity = capacity;
  }

  /** The process at the other end takes no more; others of the same id do. */
  drain(link: WorkerLink): void {
    for (const stream of this.#streams.values()) {
      if (stream.link !== link) continue;
      stream.draining = true;
      stream.ready = false;
    }
  }

  /** The connection is gone: the sessions that have none any more. */
  lost(link: WorkerLink): string[] {
    if (this.#socket === link) this.#socket = undefined;
    const sessions = [...this.#streams.values()].flatMap((stream) => (stream.link === link ? stream.session : []));
    for (const session of sessions) this.#streams.delete(session);
    this.#inOrder = [...this.#streams.values()];
    return sessions;
  }
}

function roomIn(stream: Stream, running: (session: string) => number): number {
  return stream.ready ? Math.max(0, stream.capacity - running(stream.session)) : 0;
}
