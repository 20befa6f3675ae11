/** A job's history in both of its forms (wire contract, rule 27). */
import type { Jobs, Viewer } from "../../actors/orchestrator.ts";
import type { HistoryEvent } from "../job/history.ts";
import { invalidParameter, limitOf, wholeNumber } from "./query.ts";

const PAGE = 500;
/** Of the form without parameters. The other one has no end. */
const WHOLE_MAX = 10_000;

export async function historyText(
  jobs: Jobs,
  viewer: Viewer,
  id: string,
  parameters: URLSearchParams,
): Promise<string> {
  if (!["limit", "cursor", "order"].some((name) => parameters.has(name))) return wholeText(jobs, viewer, id);
  const limit = limitOf(parameters);
  const cursor = wholeNumber(parameters, "cursor", 0);
  return pageText(await pageOf(jobs, viewer, id, parameters.get("order") ?? "asc", limit, cursor), limit);
}

async function wholeText(jobs: Jobs, viewer: Viewer, id: string): Promise<string> {
  const texts: string[] = [];
  for await (const page of pages(jobs, viewer, id, 0)) {
    for (const event of page) texts.push(JSON.stringify(event));
    if (texts.length >= WHOLE_MAX) break;
  }
  return `[${texts.slice(0, WHOLE_MAX).join(",")}]`;
}

/** One more than `limit`, so that the caller sees whether there is another page. */
async function pageOf(
  jobs: Jobs,
  viewer: Viewer,
  id: string,
  order: string,
  limit: number,
  cursor: number | undefined,
) {
  if (order === "asc") return jobs.history(viewer, id, cursor ?? 0, limit + 1);
  if (order !== "desc") throw invalidParameter("order", 'order must be "asc" (oldest first) or "desc" (newest first).');
  let last: HistoryEvent[] = [];
  for await (const page of pages(jobs, viewer, id, 0)) {
    const before = cursor === undefined ? page : page.filter(({ sequence }) => sequence < cursor);
    last = [...last, ...before].slice(-(limit + 1));
    if (before.length < page.length) break;
  }
  return last.toReversed();
}

function pageText(events: readonly HistoryEvent[], limit: number): string {
  const shown = events.slice(0, limit);
  const next = events.length > limit ? (shown.at(-1)?.sequence ?? null) : null;
  return `{"events":${JSON.stringify(shown)},"next_cursor":${next === null ? "null" : `"${next}"`}}`;
}

async function* pages(jobs: Jobs, viewer: Viewer, id: string, from: number): AsyncGenerator<readonly HistoryEvent[]> {
  let after = from;
  for (;;) {
    const page = await jobs.history(viewer, id, after, PAGE);
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.sequence ?? after;
  }
}
