import { describe, expect, test } from "bun:test";
import { createRunLog } from "../../src/cli/run-log.ts";
import type { LogLine } from "../../src/system/log.ts";

function said(line: LogLine, showsAll = false): string {
  let text = "";
  createRunLog({ format: "auto", showsAll, nowMs: () => 0, say: (more) => void (text += more) })(line);
  return text;
}

describe("the log of a run", () => {
  test("shows what a handler says, without what is the same in every line", () => {
    const fields = { job_id: "j", blueprint: "flow", state: "finished", size: 128 };
    expect(said({ level: "info", message: "done", fields })).toBe("00:00:00.000 info  done state=finished size=128\n");
  });

  test("leaves out what the server and the worker say of themselves, unless it is asked for", () => {
    const line: LogLine = { level: "info", message: "worker started", fields: { worker_id: "w" } };
    expect(said(line)).toBe("");
    expect(said(line, true)).toContain("worker started");
  });

  test("leaves out that a person could not be asked, where nobody could be", () => {
    let text = "";
    const say = (more: string) => void (text += more);
    const log = createRunLog({ format: "auto", showsAll: false, asksNobody: true, nowMs: () => 0, say });
    log({ level: "error", message: "A message was given up", fields: { kind: "approval" } });
    log({ level: "error", message: "A message was given up", fields: { kind: "webhook" } });
    expect(text.split("\n")).toHaveLength(2);
  });

  test("shows what goes wrong", () => {
    expect(said({ level: "warn", message: "no connection", fields: {} })).toContain("no connection");
  });
});
