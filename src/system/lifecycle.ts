/**
 * What lives long. `start` resolves when the thing serves. `stop` may be called twice, before
 * `start`, and while `start` is still running; it resolves when nothing of the thing is left.
 */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}
