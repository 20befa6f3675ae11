/** Tells that something in a folder may have changed. */
import { type FSWatcher, watch } from "node:fs";
import type { Cancel, Timers } from "../system/clock.ts";
import type { Log } from "../system/log.ts";
import { messageOf } from "../system/errors.ts";

export interface WatcherOptions {
  readonly folder: string;
  readonly timers: Timers;
  readonly log: Log;
  /** An editor saves in several steps: wait until it is quiet for this long. */
  readonly debounceMs: number;
  /** Some file systems tell nothing: look again after this long in any case. */
  readonly rescanMs: number;
  readonly changed: () => void;
}

export interface Watcher {
  start(): void;
  stop(): void;
}

export function createWatcher(options: WatcherOptions): Watcher {
  const { timers, changed } = options;
  let watching: FSWatcher | undefined;
  let cancelDebounce: Cancel = () => undefined;
  let cancelRescan: Cancel = () => undefined;

  const close = () => {
    watching?.close();
    watching = undefined;
  };
  const noticed = (_event: string, name: string | null) => {
    if (name !== null && /(?:^|[\\/])\.git[\\/]/.test(name)) return;
    cancelDebounce();
    cancelDebounce = timers.after(options.debounceMs, changed);
  };
  const open = () => {
    try {
      watching = watch(options.folder, { recursive: true }, noticed);
      watching.on("error", close);
    } catch (error) {
      // The folder may come later: the next look tries again.
      options.log.debug("the blueprints folder cannot be watched", { reason: messageOf(error) });
    }
  };
  const rescan = () => {
    // Opened anew each time: a folder that was removed and made again is another one to the system.
    close();
    open();
    cancelRescan = timers.after(options.rescanMs, () => {
      changed();
      rescan();
    });
  };

  return {
    start: rescan,
    stop() {
      close();
      cancelDebounce();
      cancelRescan();
    },
  };
}
