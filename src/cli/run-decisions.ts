/**
 * The people of `orchestrator run`: nobody else can reach its job, so what a person has to decide is
 * decided by --decide, at the terminal, or said to be impossible here before anybody waits for it.
 */
import type { ServeSettings } from "../config/tables.ts";
import type { JsonMap } from "../system/errors.ts";
import { suggestion } from "../system/nearest.ts";
import { type Client, isObject } from "./client.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { followJob, type JobUpdate } from "./follow.ts";
import { jobPath } from "./job-request.ts";
import { printable } from "./printable.ts";
import { cell } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** A wait that ends by itself so soon is waited for. */
const SOON_MS = 10 * 60_000;

export interface Decisions {
  /** Every event of the job. */
  see(jobId: string, update: JobUpdate): void;
  /** Rejects when the job waits for what can never come here. */
  readonly failed: Promise<never>;
}

export interface DecisionsOptions {
  readonly client: Client;
  readonly terminal: Terminal;
  readonly settings: WaysToAsk;
  /** Of --decide, in their order. */
  readonly given: readonly string[];
  /** For people, between the lines of the progress. */
  readonly say: (text: string) => void;
  readonly stop: AbortSignal;
}

export type WaysToAsk = Pick<ServeSettings, "telegramBotToken" | "slackWebhookUrl" | "approvalWebhookUrl">;

/** What can ask people outside of this program, by the names that blueprints use. */
export function waysToAsk(settings: WaysToAsk): readonly string[] {
  const { telegramBotToken, slackWebhookUrl, approvalWebhookUrl } = settings;
  return [
    ...(telegramBotToken === undefined ? [] : ["telegram"]),
    ...(slackWebhookUrl === undefined ? [] : ["slack"]),
    ...(approvalWebhookUrl === undefined ? [] : ["webhook"]),
  ];
}

export function createDecisions(options: DecisionsOptions): Decisions {
  const { client, terminal, settings, say, stop } = options;
  const given = [...options.given];
  const failed = Promise.withResolvers<never>();

  async function approval(jobId: string, wait: JsonMap): Promise<void> {
    const decisions = namesIn(wait["decisions"]);
    const decision = given.shift() ?? (terminal.hasPerson ? await ask(decisions, wait) : undefined);
    if (decision !== undefined) return decide(jobId, decision, decisions);
    if (waysToAsk(settings).includes(cell(wait["integration"]))) return;
    const advice = `Give --decide ${decisions[0] ?? "DECISION"} here, or serve it: orchestrator serve, jobs submit, then jobs decide ID DECISION.`;
    hold(wait, `A person has to decide (${decisions.join(" or ")})`, advice);
  }

  /** Undefined: there is nobody after all. */
  async function ask(decisions: readonly string[], wait: JsonMap): Promise<string | undefined> {
    say(`${cell(wait["message"]).split("\n").map(printable).join("\n")}\n`);
    for (;;) {
      say(printable(`decide (${decisions.join(", ")}): `));
      const line = await terminal.readLine(stop);
      if (line === undefined) return undefined;
      if (decisions.includes(line.trim())) return line.trim();
    }
  }

  async function decide(jobId: string, decision: string, decisions: readonly string[]): Promise<void> {
    if (!decisions.includes(decision)) {
      const message = `The job offers no decision "${decision}"${suggestion(decision, decisions)} There are: ${decisions.join(", ")}.`;
      throw new CommandFailure(EXIT.wrongUse, "UNKNOWN_DECISION", printable(message));
    }
    await client.post(jobPath(jobId, "decision"), { decision });
  }

  /** Ends the run, unless the wait ends by itself before long. */
  function hold(wait: JsonMap, what: string, advice: string): void {
    const { until } = wait;
    const text = printable(`${what}, and nobody can reach a job of \`orchestrator run\`. ${advice}`);
    const isSoon = typeof until === "string" && Date.parse(until) - terminal.clock.nowMs() <= SOON_MS;
    if (!isSoon) throw new CommandFailure(EXIT.wrongUse, "NOBODY_DECIDES", text);
    say(`waiting until ${printable(cell(until))}: ${text}\n`);
  }

  async function waited(jobId: string, { event: type, data }: JobUpdate): Promise<void> {
    const wait = isObject(data["wait"]) ? data["wait"] : {};
    if (type === "approval_requested") await approval(jobId, wait);
    if (type === "event_awaited") hold(wait, `The job waits for the event "${cell(wait["event"])}"`, SERVE_IT);
    const child = isObject(data["child"]) ? data["child"]["job_id"] : undefined;
    if (type === "sub_blueprint_started" && typeof child === "string") await follow(child);
  }

  /** A job that it runs inside its own may ask as well. */
  async function follow(jobId: string): Promise<void> {
    const nothing = () => undefined;
    const update = (update: JobUpdate) => see(jobId, update);
    await followJob(client, terminal, jobId, { update, lost: nothing, waits: nothing });
  }

  function see(jobId: string, update: JobUpdate): void {
    waited(jobId, update).catch(failed.reject);
  }

  // What comes after the end of the run is of no interest.
  failed.promise.catch(() => undefined);
  return { failed: failed.promise, see };
}

const SERVE_IT = "Serve it: orchestrator serve, jobs submit, then jobs event ID NAME.";

function namesIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(cell) : [];
}
