/** Requests that wait on purpose: long polls and event streams. They end when their caller goes or the server stops. */
import type { Server } from "bun";
import { Lookup } from "../system/lookup.ts";

export interface Parked {
  /** Aborts when the caller is gone, its token counts no more, or the server stops. */
  readonly signal: AbortSignal;
  leave(): void;
}

export interface Parking {
  /** `isAdmitted`: whether the caller's token still counts; left out: it always does. */
  park(request: Request, isAdmitted?: () => boolean): Parked;
  /** Tokens have changed: ends those that wait with one that counts no more. */
  review(): void;
  /** Ends all that wait; who comes later is not kept. */
  close(): void;
  readonly waiting: number;
}

interface Waiting {
  readonly controller: AbortController;
  readonly isAdmitted: () => boolean;
}

/** `server` is asked for at each request: routes exist before it listens. */
export function createParking(server: () => Server<unknown> | undefined): Parking {
  const waiting = new Lookup<AbortController, Waiting>();
  let isClosed = false;
  return {
    park(request, isAdmitted = () => true) {
      const controller = new AbortController();
      const gone = () => controller.abort();
      // The idle limit of all other routes would end it after some seconds.
      server()?.timeout(request, 0);
      waiting.set(controller, { controller, isAdmitted });
      request.signal.addEventListener("abort", gone, { once: true });
      if (isClosed || request.signal.aborted) controller.abort();
      return {
        signal: controller.signal,
        leave() {
          waiting.delete(controller);
          request.signal.removeEventListener("abort", gone);
        },
      };
    },
    review() {
      for (const { controller, isAdmitted } of waiting.values()) if (!isAdmitted()) controller.abort();
    },
    close() {
      isClosed = true;
      for (const { controller } of waiting.values()) controller.abort();
    },
    get waiting() {
      return waiting.size;
    },
  };
}
