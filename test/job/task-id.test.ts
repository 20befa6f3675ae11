import { describe, expect, test } from "bun:test";
import { createTaskIds, isSameWait, readTaskId, SLOT_LIMIT, type TaskIdParts } from "../../src/job/task-id.ts";
import { isUuid } from "../../src/system/ids.ts";

const ids = createTaskIds(new Uint8Array([1, 2, 3]));
const parts = { slot: 5, visit: 6, attempt: 7, epoch: 8, sequence: 9 };

function sign(of: TaskIdParts, jobId: string, workerId: string): string {
  return ids.sign(of, of.epoch, of.sequence, jobId, workerId);
}

describe("a task id", () => {
  for (const [name, value] of [
    ["small numbers", parts],
    ["nothing but zeros", { slot: 0, visit: 0, attempt: 0, epoch: 0, sequence: 0 }],
    ["the largest", { slot: SLOT_LIMIT - 1, visit: 0xffff, attempt: 0xff, epoch: 0xffff, sequence: 0xffffff }],
    ["each bit beside the variant", { ...parts, slot: 0b11 }],
  ] as const) {
    test(`gives back what it was made of: ${name}`, () => {
      const taskId = sign(value, "job", "worker");

      expect(isUuid(taskId)).toBe(true);
      expect(taskId[14]).toBe("4");
      expect("89ab").toContain(taskId[19] ?? "");
      expect(ids.verify(taskId, "job", "worker")).toEqual(value);
    });
  }

  const taskId = sign(parts, "job", "worker");
  for (const [name, verify] of [
    ["another job", () => ids.verify(taskId, "job2", "worker")],
    ["another worker", () => ids.verify(taskId, "job", "worker2")],
    ["another secret", () => createTaskIds(new Uint8Array([1, 2, 4])).verify(taskId, "job", "worker")],
    ["a text that is no id", () => ids.verify("task", "job", "worker")],
    ["a random id", () => ids.verify("0f8fad5b-d9cb-469f-a165-70867728950e", "job", "worker")],
    ["the same id in capitals", () => ids.verify(taskId.toUpperCase(), "job", "worker")],
  ] as const) {
    test(`is refused for ${name}`, () => expect(verify()).toBeUndefined());
  }

  test("is signed as it was by earlier versions: their tasks may still run", () => {
    expect(sign(parts, "job", "wörker")).toBe("00100060-7000-4800-9000-931d40597a48");
  });

  test("is refused when any digit of it was changed", () => {
    for (let index = 0; index < taskId.length; index++) {
      const digit = taskId[index];
      if (digit === "-" || index === 14) continue;
      const forged = `${taskId.slice(0, index)}${digit === "8" ? "9" : "8"}${taskId.slice(index + 1)}`;
      expect(ids.verify(forged, "job", "worker")).toBeUndefined();
    }
  });

  test("holds the last bits of counters that have grown past it", () => {
    const grown = { slot: 1, visit: 0x1_0002, attempt: 0x103, epoch: 0x1_0004, sequence: 0x100_0005 };
    const read = readTaskId(sign(grown, "job", "worker"))?.parts;

    expect(read).toEqual({ slot: 1, visit: 2, attempt: 3, epoch: 4, sequence: 5 });
    expect(read && isSameWait(read, 1, 0x1_0002, 0x103)).toBe(true);
    expect(read && isSameWait(read, 1, 0x1_0003, 0x103)).toBe(false);
    expect(read && isSameWait(read, 2, 0x1_0002, 0x103)).toBe(false);
    expect(read && isSameWait(read, 1, 0x1_0002, 0x104)).toBe(false);
  });
});
