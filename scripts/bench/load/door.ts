/** What a load generator needs of the system under test. One such door for each way in. */
export type Flow = "one" | "three";

export interface Door {
  /** Resolves when the job is safe, as far as the system promises that. */
  create(flow: Flow): Promise<void>;
  /** As `create`, many in one call. */
  createMany?(count: number): Promise<void>;
  /** How many jobs have ended well since the system began. */
  finished(): Promise<number>;
  /** Creates a job and resolves when its client has been told that it ended well. */
  createAndWait(flow: Flow): Promise<void>;
  /** A job of so many steps at once, gathered; resolves when its client has been told of its end. */
  fanAndWait(steps: number): Promise<void>;
  close(): Promise<void>;
}

/** About 200 bytes as JSON, the same for everybody. */
export const PAYLOAD = { customer: "customer-1234567890", note: "x".repeat(140), amount: 12.5 } as const;
