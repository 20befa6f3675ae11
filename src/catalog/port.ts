/** The blueprints that serve, and those that running jobs still need. */

export interface StateFacts {
  readonly name: string;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly isAggregator: boolean;
  /** What its handlers ask for, as far as their code tells. */
  readonly acts?: readonly StateAct[];
  /** It may lead to states that its code does not tell. */
  readonly isOpen?: true;
  /** Its actions are handed to code that is not read: it may ask for anything. */
  readonly isHidden?: true;
}

export interface StateAct {
  /** The action's name: "dispatchTask". */
  readonly action: string;
  /** The kind of task, the child's name, the integration, the event, the time. */
  readonly subject?: string;
  /** It may be about others too, which only running the code would tell. */
  readonly isOpen?: true;
  /** Of parallel tasks: when they have come together; a number of good results. Left out: all of them. */
  readonly join?: "settled" | "any" | number;
}

/** A blueprint that another one runs, and where it says so. */
export interface Child {
  readonly blueprint: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What an edge follows: a plain transition, a task's status, a person's decision, the end of a child, and so on. */
export type EdgeKind =
  | "transition"
  | "status"
  | "join"
  | "decision"
  | "child"
  | "timer"
  | "event"
  /** An event of the worker, while its task runs. */
  | "worker-event";

export interface Edge {
  readonly from: string;
  readonly to: string;
  /** "transition", or the outcome: "success", "failure", a decision. */
  readonly label: string;
  /** The condition of the handler that it comes from, where it has one. */
  readonly condition?: string;
  /** Left out in manifests of earlier versions. */
  readonly kind?: EdgeKind;
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
  /** Left out: it runs none, as far as its code tells. */
  readonly children?: readonly Child[];
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

/** Why a file, or a blueprint of it, does not serve as it is now. */
export interface RefusedFile extends Finding {
  /** Blueprints that serve on from the file's last good version; none: it never had one. */
  readonly serving: readonly string[];
}

export interface Catalog {
  /** The newest version in service. */
  current(name: string): Manifest | undefined;
  /** By what follows the client prefix: "v1/jobs/simple_flow", or "jobs/simple_flow" of an unversioned one. */
  byPath(path: string): Manifest | undefined;
  /** The version with this hash, serving or pinned by a stored job. */
  pinned(hash: string, name: string): Promise<Manifest | undefined>;
  list(): readonly Manifest[];
  /** Files that were refused: why the last good version serves on, or none does. */
  findings(): readonly Finding[];
  /** The errors among them, with what serves in spite of them. */
  refused(): readonly RefusedFile[];
  /** Told after each change of what serves. */
  onChange(listener: () => void): () => void;
}
