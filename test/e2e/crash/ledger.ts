/** What clients were told, kept outside of the server: it is held to this and to nothing that it says later. */

/** How a job has to end, by what was asked for. */
export type Expected =
  | { readonly flow: "counting"; readonly steps: number }
  | { readonly flow: "fanned"; readonly branches: number }
  | { readonly flow: "flaky"; readonly failures: number }
  /** No attempt is left after so many. */
  | { readonly flow: "doomed"; readonly attempts: number }
  | { readonly flow: "sleeping" }
  | { readonly flow: "listening" }
  | { readonly flow: "family"; readonly children: number }
  | { readonly flow: "batched" }
  | { readonly flow: "cancelled" };

export class Ledger {
  /** What each acknowledged job has to come to. */
  readonly jobs = new Map<string, Expected>();
  /** Requests under a key that were answered twice, with different jobs. */
  readonly doubled: string[] = [];
  /** Batches by the mark that is in each of their jobs. */
  readonly batches = new Map<string, { readonly size: number; isAcknowledged: boolean }>();
  #byKey = new Map<string, string>();
  isClosed = false;

  acknowledge(key: string, ids: readonly string[], expected: Expected): void {
    const text = ids.join(" ");
    const before = this.#byKey.get(key);
    if (before !== undefined && before !== text) this.doubled.push(`${key}: ${before} and then ${text}`);
    this.#byKey.set(key, text);
    for (const id of ids) this.jobs.set(id, expected);
  }

  /** A cancel was acknowledged: from then on nothing else may come of the job. */
  cancelled(id: string): void {
    this.jobs.set(id, { flow: "cancelled" });
  }
}
