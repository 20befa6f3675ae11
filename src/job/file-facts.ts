/**
 * What workers told of the files in their results (`data_metadata`), kept with the job and offered to
 * later tasks for the params that name the same files (`params_metadata`). JSON texts throughout.
 */
type Facts = Readonly<Record<string, unknown>>;

/** The newest; a job that runs in circles must not grow without end. */
const FILES_MAX = 200;
const CHARS_MAX = 64 * 1024;

/** By address. `told` is what a result said; what names no file is left out. */
export function keepFileFacts(known: string | undefined, told: string | undefined): string | undefined {
  if (told === undefined) return known;
  const kept = new Map<string, unknown>(Object.entries(read(known)));
  for (const facts of Object.values(read(told))) {
    const uri = uriIn(facts);
    if (uri === undefined) continue;
    kept.delete(uri);
    kept.set(uri, facts);
  }
  const entries = [...kept].slice(-FILES_MAX);
  while (JSON.stringify(entries).length > CHARS_MAX) entries.shift();
  return entries.length === 0 ? undefined : JSON.stringify(Object.fromEntries(entries));
}

/** Undefined: the params name none of the files. */
export function factsForParams(known: string | undefined, params: string): string | undefined {
  if (known === undefined) return undefined;
  const facts = read(known);
  const found = Object.entries(read(params)).flatMap(([name, value]) =>
    typeof value === "string" && Object.hasOwn(facts, value) ? [[name, facts[value]] as const] : [],
  );
  return found.length === 0 ? undefined : JSON.stringify(Object.fromEntries(found));
}

function uriIn(facts: unknown): string | undefined {
  if (typeof facts !== "object" || facts === null || !("uri" in facts)) return undefined;
  return typeof facts.uri === "string" ? facts.uri : undefined;
}

function read(json: string | undefined): Facts {
  return json === undefined ? {} : (JSON.parse(json) as Facts);
}
