/**
 * How the main thread and a handler thread write to each other: many frames in one string, since a
 * string crosses far cheaper than an object. A frame is a line of JSON and, behind it, the texts
 * that are JSON already: they are cut out by their lengths and never encoded a second time.
 */
import type { JobFilesSettings } from "../files/port.ts";
import type { StoreUse } from "../job/data-store.ts";
import type { LogLine } from "../system/log.ts";
import type { Ending, StoreQuestion, Turn, TurnReply } from "./port.ts";

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

/** `head` is the caller's own: the lengths are added to it. */
function frame(head: object, texts: readonly Text[]): string {
  let body = "";
  const lengths: number[] = [];
  for (const text of texts) {
    lengths.push(text?.length ?? NO_TEXT);
    if (text !== undefined) body += text;
  }
  return JSON.stringify(Object.assign(head, { lengths })) + LINE_END + body;
}

export function writeToThread(message: ToThread): string {
  switch (message.kind) {
    case "run": {
      const { initialData, stateHistory, merge, aggregation } = message.turn;
      return frame(headOfRun(message), [initialData, stateHistory, merge, aggregation]);
    }
    case "answer": {
      const { json, ...head } = message;
      return frame(head, [json]);
    }
    case "bundle":
    case "abort":
    case "files":
    case "ping":
      return frame({ ...message }, []);
    default:
      return message satisfies never;
  }
}

type HeadOfTurn = Omit<Turn, "initialData" | "stateHistory" | "merge" | "aggregation">;

// Named one by one, which costs less than leaving out four; the compiler misses none.
function headOfRun({ kind, run, isAlone, turn }: Extract<ToThread, { kind: "run" }>): object {
  return {
    kind,
    run,
    isAlone,
    turn: {
      jobId: turn.jobId,
      hash: turn.hash,
      blueprint: turn.blueprint,
      state: turn.state,
      attempt: turn.attempt,
      steps: turn.steps,
      maxSteps: turn.maxSteps,
      client: turn.client,
      error: turn.error,
      timeoutMs: turn.timeoutMs,
      defaults: turn.defaults,
    } satisfies Required<{ [Name in keyof HeadOfTurn]: HeadOfTurn[Name] | undefined }>,
  };
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
  return message.kind === "reply" ? writeReply(message.run, message.reply) : frame({ ...message }, []);
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

/** What was read is nobody else's: the texts are put into their places. */
function readReply(read: TurnReply, texts: readonly Text[]): TurnReply {
  const reply = read as { -readonly [Name in keyof TurnReply]: TurnReply[Name] };
  const [stateHistory] = texts;
  if (stateHistory !== undefined) reply.stateHistory = stateHistory;
  let at = 1;
  for (const step of reply.steps) {
    const patch = texts[at++];
    if (patch !== undefined) (step as { patch?: string }).patch = patch;
  }
  if (reply.ending.kind === "tasks") {
    for (const order of reply.ending.orders) (order as { params: string }).params = texts[at++] ?? "{}";
  }
  if (reply.dataStores) reply.dataStores = withValues(reply.dataStores, texts);
  return reply;
}

/** As a use crosses: the values that it writes are the last of the texts. */
type KeysOfUse = Omit<StoreUse, "writes"> & { readonly keys: readonly string[] };

function withValues(read: readonly object[], texts: readonly Text[]): readonly StoreUse[] {
  const uses = read as readonly KeysOfUse[];
  let at = texts.length - uses.reduce((sum, { keys }) => sum + keys.length, 0);
  return uses.map(({ keys, ...use }) => ({ ...use, writes: keys.map((key) => [key, texts[at++]] as const) }));
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
