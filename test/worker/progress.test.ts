import { describe, expect, test } from "bun:test";
import { createLog, type LogLine } from "../../src/system/log.ts";
import { readableProgress } from "../../worker/progress.ts";

function read(progress: unknown, message?: unknown) {
  const lines: LogLine[] = [];
  const update = { taskId: "t", jobId: "j", progress, ...(message !== undefined && { message }) };
  const sent = readableProgress(
    update as never,
    createLog((line) => lines.push(line)),
  );
  return { sent, lines };
}

describe("a report of progress", () => {
  test("goes as it is, with a message that is no longer than it is kept", () => {
    expect(read(0.5, "half").sent).toEqual({ taskId: "t", jobId: "j", progress: 0.5, message: "half" });
    expect(read(1).sent).toEqual({ taskId: "t", jobId: "j", progress: 1 });
    expect(read(1, "x".repeat(20 * 1024 * 1024)).sent?.message).toHaveLength(500);
    expect(read(1, 7).sent?.message).toBe("7");
    expect(read(1, Object.create(null)).sent?.message).toBe("(a value that cannot be shown)");
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, "half", null, undefined, Object.create(null)])(
    "that is no number is left out, and the log says of which task: %p",
    (progress) => {
      const { sent, lines } = read(progress);
      expect(sent).toBeUndefined();
      expect(lines).toMatchObject([{ level: "warn", fields: { task_id: "t", job_id: "j" } }]);
    },
  );
});
