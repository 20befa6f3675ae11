/** How far the worker is trusted, as it was told last: whoever is shut out, or let in again, is named in the log. */
import type { Log } from "../../src/system/log.ts";
import { isNews, isTrusted, msUntilTrusted, type Trust } from "./reputation.ts";
import type { Reputations } from "./reputations.ts";

export interface TrustWatchParts {
  readonly log: Log;
  readonly reputations: Pick<Reputations, "of" | "rules">;
}

export class TrustWatch {
  #told: Trust = { reputation: 1, reputationNeeded: 0 };

  constructor(
    readonly id: string,
    readonly parts: TrustWatchParts,
  ) {}

  /** What results and time have changed, in steps that somebody would notice. */
  get isNews(): boolean {
    return isNews(this.#told, this.parts.reputations.of(this.id));
  }

  /** To be told to the dispatcher. */
  tell(): Trust {
    const was = this.#told;
    this.#told = this.parts.reputations.of(this.id);
    if (isTrusted(was) !== isTrusted(this.#told)) this.#log(this.#told);
    return this.#told;
  }

  /** Once each time that it is shut out, and once when it is let in again: nobody else would say why it gets nothing. */
  #log(trust: Trust): void {
    const { log, reputations } = this.parts;
    const fields = { worker: this.id, reputation: trust.reputation, needed: reputations.rules.threshold };
    if (isTrusted(trust)) return log.info("A worker has enough of its reputation back and gets tasks again.", fields);
    const backMs = msUntilTrusted(trust, reputations.rules);
    const back = Number.isFinite(backMs) ? { back_in_s: Math.ceil(backMs / 1_000) } : {};
    log.warn("A worker gets no tasks for a while: its results cost it too much of its reputation.", {
      ...fields,
      ...back,
      at_once: `orchestrator workers resume ${this.id}`,
    });
  }
}
