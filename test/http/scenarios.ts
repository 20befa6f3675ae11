/** A table of requests: what goes in, what must come out, and what must not. */
import { expect, test } from "bun:test";
import { createDoors, request } from "./doors.ts";
import { createFake, type Fake } from "./fake-orchestrator.ts";

export interface Scenario {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  /** A string goes as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly status: number;
  readonly has?: readonly string[];
  readonly lacks?: readonly string[];
  readonly headersBack?: Record<string, string>;
  readonly local?: boolean;
  readonly prepare?: (fake: Fake) => void;
  readonly after?: (fake: Fake) => void;
  readonly fake?: () => Fake;
}

export function runScenarios(scenarios: readonly Scenario[]): void {
  for (const scenario of scenarios) test(scenario.name, () => run(scenario));
}

async function run(scenario: Scenario): Promise<void> {
  const fake = scenario.fake?.() ?? createFake();
  scenario.prepare?.(fake);
  const { app, local } = createDoors(fake);
  const asked = request(scenario.method, scenario.path, scenario.headers, scenario.body);
  const answer = await (scenario.local === true ? local : app).handle(asked);
  const text = await answer.text();
  expect(`${answer.status} ${text}`).toStartWith(String(scenario.status));
  for (const part of scenario.has ?? []) expect(text).toContain(part);
  for (const part of scenario.lacks ?? []) expect(text).not.toContain(part);
  for (const [name, value] of Object.entries(scenario.headersBack ?? {})) expect(answer.headers.get(name)).toBe(value);
  scenario.after?.(fake);
}
