import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TaskFolder } from "../../worker/files.ts";

const root = mkdtempSync(join(tmpdir(), "worker-files-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a task's own files", () => {
  test.each(["../other/x", "/etc/passwd", "a/../../x", ".."])(
    "the path %s leaves the folder and is refused",
    async (name) => {
      const files = new TaskFolder(root, "t1");

      expect(() => files.pathTo(name)).toThrow("leaves the task's own folder");
      expect(files.read(name)).rejects.toThrow("leaves the task's own folder");
      expect(files.write(name, "x")).rejects.toThrow("leaves the task's own folder");
    },
  );

  test.each(["..", "../../x", "a/b", "."])("a task with the id %s has a folder of its own all the same", (id) => {
    const { folder } = new TaskFolder(root, id);

    expect(folder.startsWith(`${root}/`)).toBe(true);
    expect(folder.slice(root.length + 1)).not.toContain("/");
    expect(folder.slice(root.length + 1)).not.toMatch(/^\.+$/);
  });

  test("nothing is made on the disk before it is used", () => {
    expect(existsSync(new TaskFolder(root, "lazy").folder)).toBe(false);
  });

  test("what was written is read again, by name and by the path that was returned", async () => {
    const files = new TaskFolder(root, "t2");

    const path = await files.write("deep/er/out.txt", "hello");

    expect(Buffer.from(await files.read("deep/er/out.txt")).toString()).toBe("hello");
    expect(Buffer.from(await files.read(path)).toString()).toBe("hello");
  });

  test("another program can write to a path at once", async () => {
    const files = new TaskFolder(root, "t3");

    await Bun.write(files.pathTo("sub/frame.png"), "png");

    expect(Buffer.from(await files.read("sub/frame.png")).toString()).toBe("png");
  });

  test("removing takes all of it, and nothing where nothing is", async () => {
    const files = new TaskFolder(root, "t4");
    await files.write("a/b.txt", "x");

    await files.remove();
    await files.remove();

    expect(existsSync(files.folder)).toBe(false);
  });
});
