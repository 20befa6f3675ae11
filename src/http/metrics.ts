/** Figures in the text format of Prometheus: those that the doors can tell by themselves. */
import type { Orchestrator } from "../../actors/orchestrator.ts";

export interface DoorFigures {
  readonly authFailures: number;
  readonly parked: number;
  readonly sockets: number;
}

export async function metricsText(
  { jobs, outbox, workers, catalog }: Orchestrator,
  figures: DoorFigures,
): Promise<string> {
  const counts = await jobs.counts(undefined);
  const { waiting, failed } = await outbox.count();
  const byStatus = [...counts].map(([status, count]) => `orchestrator_jobs{status="${status}"} ${count}`);
  return [
    ...metric("orchestrator_jobs", "gauge", "Jobs in the store by status.", byStatus),
    ...metric("orchestrator_outbox_messages", "gauge", "Webhooks and other messages that were not delivered.", [
      `orchestrator_outbox_messages{status="waiting"} ${waiting}`,
      `orchestrator_outbox_messages{status="failed"} ${failed}`,
    ]),
    ...one("orchestrator_active_workers", "gauge", "Workers that are registered and alive.", workers.list().length),
    ...one("orchestrator_blueprints", "gauge", "Blueprints in service.", catalog.list().length),
    ...one("orchestrator_parked_requests", "gauge", "Long polls and event streams that wait.", figures.parked),
    ...one("orchestrator_worker_sockets", "gauge", "WebSockets of workers.", figures.sockets),
    ...one(
      "orchestrator_security_auth_failures_total",
      "counter",
      "Requests turned away for their token.",
      figures.authFailures,
    ),
    "",
  ].join("\n");
}

function one(name: string, type: string, help: string, value: number): string[] {
  return metric(name, type, help, [`${name} ${value}`]);
}

function metric(name: string, type: string, help: string, samples: readonly string[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}
