import type { Command } from "commander";
import { eventFacts } from "../../job/event-facts.ts";
import type { JsonMap } from "../../system/errors.ts";
import { isObject } from "../client.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { createEventTeller } from "../event-text.ts";
import { cell, formatTable } from "../table.ts";

const PAGE = 500;
const HEAD = ["TIME", "EVENT", "STATE", "NEXT", "WORKER", "ATTEMPT", "MS", "DETAILS"] as const;
const FIELDS = ["state", "next_state", "worker_id", "attempt_number", "duration_ms"] as const;

const EVENTS = `
Events, as people read them (--json has the names of the wire):
  job_created, job_completed, job_failed, job_cancelled, job_quarantined
                     how it began and ended
  job_waiting        it waits for its time, its turn, or its blueprint that is paused
  state_started, state_finished
                     a state is entered and left; NEXT is where to, MS how long it was in it
  state_updated      the state's handler has run and changed stateHistory, the job's memory; it stays in the state
  state_failed       a handler threw or ran out of time; it is tried again
  task_dispatched    a task was handed to the worker
  task_finished, task_failed, task_cancelled
                     how that attempt ended; a failed one may be followed by the next attempt
  progress           what a worker told of it, the newest of about a second
  timer_…, event_…, approval_…, sub_blueprint_…, worker_event:…
                     waits for times, events, people and jobs of its own, and what came of them`;

export function addHistory(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("history")
    .description("everything that happened to a job, oldest first")
    .argument("<id>", "the job's id");
  withExample(withJson(withConnection(command)), "orchestrator jobs history 01993c6e-7c1a-7000-8000-000000000000");
  command.addHelpText("after", EVENTS);
  command.action((id: string, flags: Flags) =>
    context.run(flags, async () => {
      const client = await context.client(flags);
      const events = await readAll((query) => client.get(`/api/jobs/${encodeURIComponent(id)}/history?${query}`));
      context.terminal.out(flags["json"] === true ? `${JSON.stringify({ events })}\n` : tableOf(events));
      return EXIT.done;
    }),
  );
}

function tableOf(events: readonly JsonMap[]): string {
  const teller = createEventTeller();
  const rows = events.map((event) => {
    const { event_type: type, attempt_number: attempt, context_snapshot: snapshot } = event;
    const facts = eventFacts(String(type), isObject(snapshot) ? snapshot : {});
    const told = teller.tell({ type: String(type), attempt: typeof attempt === "number" ? attempt : undefined, facts });
    return [cell(event["timestamp"]), told.name, ...FIELDS.map((field) => cell(event[field])), told.details];
  });
  return formatTable(HEAD, rows);
}

async function readAll(read: (query: string) => Promise<JsonMap>): Promise<readonly JsonMap[]> {
  const events: JsonMap[] = [];
  let cursor: unknown;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(typeof cursor === "string" && { cursor }) });
    const page = await read(query.toString());
    if (Array.isArray(page["events"])) events.push(...page["events"].filter(isObject));
    cursor = page["next_cursor"];
  } while (typeof cursor === "string");
  return events;
}
