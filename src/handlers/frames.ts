/**
 * How the main thread and a handler thread write to each other: many frames in one string, since a
 * string crosses far cheaper than an object. A frame is a line of JSON and, behind it, the texts
 * that are JSON already: they are cut out by their lengths and never encoded a second time.
 */
import type { JobFilesSettings } from "../files/port.ts";
import type { StoreUse } from "../job/data-store.ts";
import type { TaskOrder } from "../job/model.ts";
import type { LogLine } from "../system/log.ts";
import type { Ending, Step, StoreQuestion, Turn, TurnReply } from "./port.ts";

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

type Text = string | undefined;

const LINE_END = "\n";
const NO_TEXT = -1;

function frame(head: object, texts: readonly Text[]): string {
  const lengths = texts.map((text) => text?.length ?? NO_TEXT);
  return JSON.stringify({ ...head, lengths }) + LINE_END + texts.join("");
}

export function writeToThread(message: ToThread): string {
  switch (message.kind) {
    case "run": {
      const { initialData, stateHistory, merge, aggregation, ...turn } = message.turn;
      return frame({ ...message, turn }, [initialData, stateHistory, merge, aggregation]);
    }
    case "answer": {
      const { json, ...head } = message;
      return frame(head, [json]);
    }
    case "bundle":
    case "abort":
    case "files":
    case "ping":
      return frame(message, []);
    default:
      return message satisfies never;
  }
}

export function readToThread(batch: string): ToThread[] {
  return readFrames(batch).map(({ head, texts }): ToThread => {
    const message = head as ToThread;
    if (message.kind === "answer") return { ...message, ...given("json", texts[0]) };
    if (message.kind !== "run") return message;
    const [initialData = "{}", stateHistory = "{}", merge, aggregation] = texts;
    const turn = { ...message.turn, initialData, stateHistory, ...given("merge", merge) };
    return { ...message, turn: { ...turn, ...given("aggregation", aggregation) } };
  });
}

export function writeFromThread(message: FromThread): string {
  return message.kind === "reply" ? writeReply(message.run, message.reply) : frame(message, []);
}

/** The texts of a reply: the history, a patch for each step, the parameters of each order, and what it writes to data stores. */
function writeReply(run: number, { stateHistory, dataStores, ...reply }: TurnReply): string {
  const texts: Text[] = [stateHistory];
  const steps = reply.steps.map(({ patch, ...step }) => {
    texts.push(patch);
    return step;
  });
  const ending = withoutParams(reply.ending, texts);
  const stores = dataStores?.map(({ writes, ...use }) => {
    for (const [, json] of writes) texts.push(json);
    return { ...use, keys: writes.map(([key]) => key) };
  });
  return frame(
    { kind: "reply", run, reply: { ...reply, steps, ending, ...(stores && { dataStores: stores }) } },
    texts,
  );
}

function withoutParams(ending: Ending, texts: Text[]): object {
  if (ending.kind !== "tasks") return ending;
  const orders = ending.orders.map(({ params, ...order }) => {
    texts.push(params);
    return order;
  });
  return { ...ending, orders };
}

export function readFromThread(batch: string): FromThread[] {
  return readFrames(batch).map(({ head, texts }): FromThread => {
    const message = head as FromThread;
    return message.kind === "reply" ? { ...message, reply: readReply(message.reply, texts) } : message;
  });
}

function readReply(reply: TurnReply, texts: readonly Text[]): TurnReply {
  const steps = reply.steps.map((step, index): Step => ({ ...step, ...given("patch", texts[index + 1]) }));
  const ending = withParams(reply.ending, texts.slice(steps.length + 1));
  const stores = reply.dataStores && { dataStores: withValues(reply.dataStores, texts) };
  return { ...reply, steps, ...given("stateHistory", texts[0]), ending, ...stores };
}

/** As a use crosses: the values that it writes are the last of the texts. */
type KeysOfUse = Omit<StoreUse, "writes"> & { readonly keys: readonly string[] };

function withValues(read: readonly object[], texts: readonly Text[]): readonly StoreUse[] {
  const uses = read as readonly KeysOfUse[];
  let at = texts.length - uses.reduce((sum, { keys }) => sum + keys.length, 0);
  return uses.map(({ keys, ...use }) => ({ ...use, writes: keys.map((key) => [key, texts[at++]] as const) }));
}

function withParams(ending: Ending, texts: readonly Text[]): Ending {
  if (ending.kind !== "tasks") return ending;
  const orders = ending.orders.map((order, index): TaskOrder => ({ ...order, params: texts[index] ?? "{}" }));
  return { ...ending, orders };
}

interface Frame {
  readonly head: unknown;
  readonly texts: readonly Text[];
}

function readFrames(batch: string): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at < batch.length) {
    const lineEnd = batch.indexOf(LINE_END, at);
    const head = JSON.parse(batch.slice(at, lineEnd)) as { readonly lengths: readonly number[] };
    at = lineEnd + 1;
    const texts = head.lengths.map((length): Text => {
      if (length === NO_TEXT) return undefined;
      at += length;
      return batch.slice(at - length, at);
    });
    frames.push({ head, texts });
  }
  return frames;
}

/** An optional property, left out where there is no value. */
function given<Key extends string>(key: Key, value: Text): { readonly [Name in Key]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [Name in Key]?: string };
}
