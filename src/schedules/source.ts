/** schedules.toml on disk: read at the start, and looked at again and again for a change. */
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Cancel, Timers } from "../system/clock.ts";
import { messageOf, Refusal } from "../system/errors.ts";

export const DEFAULT_SCHEDULES_FILE = "schedules.toml";

export interface ScheduleSource {
  readonly file: string;
  /** The text; undefined where there is no file and none has to be. */
  read(): Promise<string | undefined>;
  isThere(): boolean;
  /** Calls back again and again, and says whether the file has changed since it was read, until it is taken back. */
  watch(look: (isChanged: boolean) => Promise<void>): Cancel;
}

export interface SourceOptions {
  /** Undefined: the default file of the working folder, if it is there. */
  readonly path: string | undefined;
  readonly timers: Timers;
  readonly lookMs?: number;
}

/** Asking for a stamp is cheap, and finds what no file system tells of: a folder over the network, a file put in place of another. */
const LOOK_MS = 1_000;

export function createScheduleSource({ path, timers, lookMs = LOOK_MS }: SourceOptions): ScheduleSource {
  const file = path ?? DEFAULT_SCHEDULES_FILE;
  let seen = stampOf(file);

  return {
    file,
    async read() {
      seen = stampOf(file);
      if (seen === "" && path === undefined) return undefined;
      try {
        return await readFile(file, "utf8");
      } catch (error) {
        const message = `${file} cannot be read (${messageOf(error)}): check the path (SCHEDULES_CONFIG_PATH) and who may read it.`;
        throw new Refusal("WRONG_SCHEDULE", 400, message);
      }
    },
    isThere: () => seen !== "",
    watch(look) {
      let cancel: Cancel = () => undefined;
      let isOver = false;
      let last = seen;
      // Somebody may still be writing it: it is taken once it has stayed as it is from one look to the next.
      const lookOnce = async () => {
        const stamp = stampOf(file);
        const isQuiet = stamp === last;
        last = stamp;
        await look(isQuiet && stamp !== seen);
        arm();
      };
      const arm = () => {
        if (!isOver) cancel = timers.after(lookMs, () => void lookOnce());
      };
      arm();
      return () => {
        isOver = true;
        cancel();
      };
    },
  };
}

/** Empty: nothing is there. What cannot be looked at is something else, and reading it says why. */
function stampOf(file: string): string {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    return found === undefined ? "" : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`;
  } catch (error) {
    return messageOf(error);
  }
}
