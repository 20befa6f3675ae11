import { expect, test } from "bun:test";
import { createBatch } from "../../src/handlers/batch.ts";
import { Unpacker } from "../../src/handlers/packing.ts";

test("a message that cannot be written is not posted by half, and those around it are", () => {
  const posted: string[] = [];
  const flushes: (() => void)[] = [];
  const batch = createBatch<object>({
    write(packer, message) {
      packer.text("message");
      packer.text(JSON.stringify(message));
    },
    soon: (flush) => void flushes.push(flush),
    post: (text) => void posted.push(text),
  });

  batch.add({ first: 1 });
  expect(() => batch.add({ size: 1n })).toThrow();
  batch.add({ last: 1 });
  for (const flush of flushes) flush();

  const unpacker = new Unpacker(posted.join(""));
  expect(Array.from({ length: 4 }, () => unpacker.text())).toEqual(["message", '{"first":1}', "message", '{"last":1}']);
  expect(unpacker.isAtEnd).toBe(true);
});
