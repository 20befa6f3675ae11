/** Which token a worker has to send. An own one comes before the shared one, and nothing is tried after it. */
import type { WorkerEntry } from "./workers-file.ts";

export interface RosterTokens {
  /** Undefined: no file of workers. */
  readonly entries: readonly WorkerEntry[] | undefined;
  /** Of the shared token, where one counts. */
  readonly sharedHash: string | undefined;
}

export interface WorkerRoster {
  /** Whether this token lets a worker act as this id. */
  admits(hash: string, id: string): boolean;
  /** Whether the id has a token of its own, by name or by pattern. */
  isListed(id: string): boolean;
  /** Whether the token is any worker's. */
  knows(hash: string): boolean;
  /** The one worker that the token can only be of. */
  ownerOf(hash: string): string | undefined;
}

interface Pattern {
  readonly entry: WorkerEntry;
  readonly matches: RegExp;
  /** Characters that are no wildcard: of two patterns the one that says more counts. */
  readonly said: number;
}

export function createRoster({ entries = [], sharedHash }: RosterTokens): WorkerRoster {
  const own = new Map<string, WorkerEntry>();
  const patterns: Pattern[] = [];
  for (const entry of entries) {
    if (/[*?]/.test(entry.id)) patterns.push(patternOf(entry));
    else own.set(entry.id, entry);
  }
  patterns.sort((one, other) => other.said - one.said);
  const byHash = Map.groupBy(entries, ({ hash }) => hash);

  const entryFor = (id: string) => own.get(id) ?? patterns.find(({ matches }) => matches.test(id))?.entry;
  return {
    admits: (hash, id) => hash === (entryFor(id)?.hash ?? sharedHash),
    isListed: (id) => entryFor(id) !== undefined,
    knows: (hash) => hash === sharedHash || byHash.has(hash),
    ownerOf(hash) {
      const owners = byHash.get(hash);
      const only = owners?.length === 1 ? owners[0] : undefined;
      return only !== undefined && own.get(only.id) === only ? only.id : undefined;
    },
  };
}

function patternOf(entry: WorkerEntry): Pattern {
  const source = entry.id
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    // Runs of stars would cost a long id a power of time each.
    .replaceAll(/\*+/g, ".*")
    .replaceAll("?", ".");
  return { entry, matches: new RegExp(`^${source}$`, "s"), said: entry.id.replaceAll(/[*?]/g, "").length };
}
