/** What to do next, where the server's words, which published clients know, end too early for people. */
import { isUuid } from "../system/ids.ts";

/** A sentence with a blank before it, or nothing. `path` is what was asked for. */
export function nextStep(code: string, path: string): string {
  return code === "JOB_NOT_FOUND" ? ` ${whichJob(path)}` : "";
}

function whichJob(path: string): string {
  const [, encoded = ""] = /\/jobs\/([^/?]+)/.exec(path) ?? [];
  if (isUuid(decodeURIComponent(encoded))) return "`orchestrator jobs list` shows which there are.";
  return "Give the whole id, 36 characters, as `orchestrator jobs list` shows it.";
}
