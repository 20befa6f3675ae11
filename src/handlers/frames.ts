/**
 * How the main thread and a handler thread write to each other: many messages in one string, since a
 * string crosses far cheaper than an object. What every turn costs is packed; the rest is JSON.
 */
import type { JobFilesSettings } from "../files/port.ts";
import type { LogLine } from "../system/log.ts";
import { type Packer, Unpacker } from "./packing.ts";
import type { StoreQuestion, Turn, TurnReply } from "./port.ts";
import { ReplyReader, ReplyWriter } from "./reply-frames.ts";
import { TurnReader, TurnWriter } from "./turn-frames.ts";

export type ToThread =
  | { readonly kind: "bundle"; readonly hash: string; readonly path: string }
  | { readonly kind: "run"; readonly run: number; readonly isAlone: boolean; readonly turn: Turn }
  | { readonly kind: "abort"; readonly run: number }
  /** Before anything runs: handlers have files. */
  | { readonly kind: "files"; readonly settings: JobFilesSettings }
  | Answer
  | { readonly kind: "ping"; readonly ping: number };

/** To a question about a job, or about a data store: then with a version, or with `again`. */
export interface Answer {
  readonly kind: "answer";
  readonly ask: number;
  readonly json?: string;
  readonly problem?: string;
  readonly version?: number;
  readonly again?: true;
}

export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "reply"; readonly run: number; readonly reply: TurnReply }
  | { readonly kind: "ask"; readonly ask: number; readonly askingJobId: string; readonly jobId: string }
  | { readonly kind: "ask-store"; readonly ask: number; readonly question: StoreQuestion }
  | { readonly kind: "pong"; readonly ping: number }
  | { readonly kind: "log"; readonly line: LogLine };

const AS_JSON = 0;
const ANSWER = 1;
const RUN = 2;
const RUN_ALONE = 3;
const REPLY = 4;

/** Of one thread: it remembers what it said to it. */
export function createToThreadWriter(): (packer: Packer, message: ToThread) => void {
  const turns = new TurnWriter();
  return (packer, message) => {
    switch (message.kind) {
      case "run":
        packer.number(message.isAlone ? RUN_ALONE : RUN);
        packer.number(message.run);
        return turns.write(packer, message.turn);
      case "answer": {
        const { json, ...head } = message;
        packer.number(ANSWER);
        packer.text(JSON.stringify(head));
        return packer.optional(json);
      }
      case "bundle":
      case "abort":
      case "files":
      case "ping":
        return writeAsJson(packer, message);
      default:
        return message satisfies never;
    }
  };
}

/** Reads all batches of one thread, in their order. */
export function createToThreadReader(): (batch: string) => ToThread[] {
  const turns = new TurnReader();
  const read = (unpacker: Unpacker): ToThread => {
    const kind = unpacker.number();
    switch (kind) {
      case RUN:
      case RUN_ALONE: {
        const run = unpacker.number();
        return { kind: "run", run, isAlone: kind === RUN_ALONE, turn: turns.read(unpacker) };
      }
      case ANSWER: {
        const head = JSON.parse(unpacker.text()) as Answer;
        const json = unpacker.optional();
        return json === undefined ? head : { ...head, json };
      }
      case AS_JSON:
        return JSON.parse(unpacker.text()) as ToThread;
      default:
        throw new Error(`a message of kind ${kind} is unknown here`);
    }
  };
  return (batch) => readAll(batch, read);
}

/** Of one thread: it remembers what it said. */
export function createFromThreadWriter(): (packer: Packer, message: FromThread) => void {
  const replies = new ReplyWriter();
  return (packer, message) => {
    if (message.kind !== "reply") return writeAsJson(packer, message);
    packer.number(REPLY);
    packer.number(message.run);
    return replies.write(packer, message.reply);
  };
}

/** First made, then packed: what a handler logs can be none, and must leave no half message behind. */
function writeAsJson(packer: Packer, message: object): void {
  const json = JSON.stringify(message);
  packer.number(AS_JSON);
  packer.text(json);
}

/** Reads all batches of one thread, in their order. */
export function createFromThreadReader(): (batch: string) => FromThread[] {
  const replies = new ReplyReader();
  const read = (unpacker: Unpacker): FromThread => {
    const kind = unpacker.number();
    if (kind === AS_JSON) return JSON.parse(unpacker.text()) as FromThread;
    if (kind !== REPLY) throw new Error(`a message of kind ${kind} is unknown here`);
    return { kind: "reply", run: unpacker.number(), reply: replies.read(unpacker) };
  };
  return (batch) => readAll(batch, read);
}

function readAll<Message>(batch: string, read: (unpacker: Unpacker) => Message): Message[] {
  const messages: Message[] = [];
  const unpacker = new Unpacker(batch);
  while (!unpacker.isAtEnd) messages.push(read(unpacker));
  return messages;
}
