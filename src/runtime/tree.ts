import type { Actor, Supervision } from "./types.ts";

/** Who stands above an actor. */
export interface Supervisor {
  readonly supervision: Supervision;
  /** A failure that this one did not settle. A child that may not go on has been stopped when this returns. */
  escalated(child: Branch, error: unknown): void;
  left(child: Branch): void;
  /** The child had a turn. */
  worked(): void;
}

/** What hangs in the tree. */
export interface Branch {
  readonly path: string;
  /** For good, children first, at once: only between two messages. */
  end(): void;
}

/** What cells may share. */
export interface CellProps<Message> {
  readonly create: (key: string) => Actor<Message>;
  readonly capacity?: number | undefined;
  readonly batch?: number | undefined;
  readonly supervision?: Supervision | undefined;
}
