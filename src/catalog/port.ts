/** The blueprints that serve, and those that running jobs still need. */

export interface StateFacts {
  readonly name: string;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly isAggregator: boolean;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  /** "transition", or the outcome: "success", "failure", a decision. */
  readonly label: string;
  /** The condition of the handler that it comes from, where it has one. */
  readonly condition?: string;
}

/** All that the server knows of a blueprint without running its code. */
export interface Manifest {
  readonly name: string;
  readonly hash: string;
  readonly file: string;
  /** Normalised, without slashes at its ends: "jobs/simple_flow". Left out: not callable from outside. */
  readonly endpoint?: string;
  /** "v1"; empty for an unversioned one. */
  readonly apiVersion: string;
  /** JSON Schema of the input, where it declares one. */
  readonly inputSchema?: object;
  readonly start: string;
  readonly states: readonly StateFacts[];
  readonly edges: readonly Edge[];
  readonly deadlineMs?: number;
  readonly concurrency?: { readonly max: number; readonly key?: string };
  readonly dataStores?: Readonly<Record<string, object>>;
}

/** A finding of a static check. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly rule: string;
  /** One sentence that says what to do. */
  readonly message: string;
}

export interface Catalog {
  /** The newest version in service. */
  current(name: string): Manifest | undefined;
  byEndpoint(apiVersion: string, endpoint: string): Manifest | undefined;
  /** The version with this hash, serving or pinned by a stored job. */
  pinned(hash: string, name: string): Promise<Manifest | undefined>;
  list(): readonly Manifest[];
  /** Files that were refused: why the last good version serves on, or none does. */
  findings(): readonly Finding[];
  /** Told after each change of what serves. */
  onChange(listener: () => void): () => void;
}
