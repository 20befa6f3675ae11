import type { TaskOrder } from "../job/model.ts";
import { Refusal } from "../system/errors.ts";
import type { RunStores } from "./data-stores.ts";
import type { HistoryChange } from "./history-draft.ts";
import type { Outcome } from "./recorder.ts";

const OUTCOME_BYTES_MAX = 1024 * 1024;
const BYTES_PER_CHARACTER_MAX = 3;
/** An order without its texts. Counted low, so that 10,000 small branches fit into one state. */
const ORDER_BYTES = 64;

/** What a handler wants to keep crosses threads and is written to disk: a limit holds here, where the state is known. */
export function assertSize(
  state: string,
  change: HistoryChange,
  outcome: Outcome | undefined,
  dataStores: Pick<RunStores, "sizeIn"> | undefined,
): void {
  const characters = sizeOf(change, outcome, dataStores, charactersOf);
  if (characters * BYTES_PER_CHARACTER_MAX <= OUTCOME_BYTES_MAX) return;
  const bytes = sizeOf(change, outcome, dataStores, Buffer.byteLength);
  if (bytes <= OUTCOME_BYTES_MAX) return;
  throw new Refusal(
    "OUTCOME_TOO_LARGE",
    413,
    `State "${state}" wants to keep ${bytes} bytes and ${OUTCOME_BYTES_MAX} are allowed: keep large data in files and store where they are.`,
  );
}

function charactersOf(text: string): number {
  return text.length;
}

function sizeOf(
  change: HistoryChange,
  outcome: Outcome | undefined,
  dataStores: Pick<RunStores, "sizeIn"> | undefined,
  measure: (text: string) => number,
): number {
  const history = change.patch === undefined ? 0 : measure(change.text);
  let size = history + (dataStores?.sizeIn(measure) ?? 0);
  if (outcome?.kind !== "tasks") return size;
  for (const order of outcome.orders) size += sizeOfOrder(order, measure);
  if (outcome.children) for (const child of outcome.children) size += ORDER_BYTES + measure(child.initialData);
  return size;
}

function sizeOfOrder(order: TaskOrder, measure: (text: string) => number): number {
  let size = ORDER_BYTES + measure(order.params);
  if (order.requirements) size += measure(JSON.stringify(order.requirements));
  if (order.outputSchema) size += measure(JSON.stringify(order.outputSchema));
  return size;
}
