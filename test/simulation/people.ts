/** People and programs that jobs wait for: they send events, decide, and have failed jobs tried again. */
import type { Engine } from "../../actors/tree.ts";
import { ask } from "./network.ts";
import { promise } from "./ledger.ts";
import { CLIENT } from "./clients.ts";
import type { World } from "./world.ts";

/** A request that changes nothing when it comes again, about a job that is there. */
interface Insistence<Value> {
  readonly id: string;
  readonly name: string;
  send(engine: Engine): Promise<Value>;
  said(value: Value): void;
}

export class People {
  #events = 0;
  #open = 0;
  #keys = 0;

  constructor(readonly world: World) {}

  get open(): number {
    return this.#open;
  }

  /** What they will do about a job that they have heard of. */
  meet(id: string): void {
    const { chance, time } = this.world;
    for (let events = chance.between(0, 3); events > 0; events--)
      time.at(chance.between(0, 15_000), () => this.#tell(id));
    for (let answers = chance.between(0, 2); answers > 0; answers--) {
      time.at(chance.between(0, 15_000), () => this.#decide(id));
    }
    if (chance.is(0.2)) time.at(chance.between(5_000, 25_000), () => this.retry(id, CLIENT.id));
  }

  #tell(id: string): void {
    const token = `event-${++this.#events}`;
    const event = this.world.chance.one("go", "go", "stop");
    const key = this.#newKey();
    this.insist({
      id,
      name: `event ${event} ${token}`,
      send: (engine) => engine.jobs.event(CLIENT.id, id, { event, data: JSON.stringify({ token }) }, key),
      said: () => this.world.ledger.eventTaken(id, token),
    });
  }

  #decide(id: string): void {
    const decision = this.world.chance.one("approved", "approved", "rejected", "timeout", "perhaps");
    const isOffered = decision === "approved" || decision === "rejected";
    // A link names the wait that it was made for, and is found again much later.
    const visit = this.world.ledger.jobs.get(id)?.visit;
    const about = visit !== undefined && this.world.chance.is(0.6) ? { visit } : {};
    const delayMs = "visit" in about ? this.world.chance.between(0, 10_000) : 0;
    this.world.time.at(delayMs, () => this.#sendDecision(id, decision, isOffered, about));
  }

  #sendDecision(id: string, decision: string, isOffered: boolean, about: { readonly visit?: number }): void {
    const key = this.#newKey();
    this.insist({
      id,
      name: `decide ${decision}`,
      send: (engine) => engine.jobs.decide(CLIENT.id, id, { decision, by: "somebody", through: "link", ...about }, key),
      said: () => {
        promise(isOffered, `job ${id} took the decision ${decision}, which it does not offer`);
        this.world.ledger.decided(id, about.visit);
      },
    });
  }

  /** `viewer` undefined: an operator, who sees all jobs. */
  retry(id: string, viewer: string | undefined): void {
    const { ledger } = this.world;
    ledger.retryAsked(id);
    const key = this.#newKey();
    this.insist({
      id,
      name: "retry",
      send: (engine) => engine.jobs.retry(viewer, id, key),
      said: () => ledger.retryTaken(id, key),
    });
  }

  #newKey(): string {
    return `key-${++this.#keys}`;
  }

  /** Sent again until somebody says what came of it. */
  insist<Value>({ id, name, send, said }: Insistence<Value>): void {
    const { world } = this;
    const attempt = () => {
      this.#open += 1;
      ask(world, {
        name: `${name} for ${id.slice(-6)}`,
        send,
        said,
        done: (outcome) => {
          this.#open -= 1;
          const isFound = outcome.type !== "refusal" || outcome.status !== 404 || world.night.isOver;
          promise(isFound, `job ${id} was acknowledged and is not found`);
          const isUnknown =
            outcome.type === "lost" || (outcome.type === "refusal" && (outcome.status >= 500 || outcome.status === 0));
          if (isUnknown) world.time.at(world.chance.between(100, 2_000), attempt);
        },
      });
    };
    attempt();
  }
}
