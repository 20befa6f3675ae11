/** Which blueprint of which file serves. Pure: two files may claim the same name, and one of them gets it. */
import { errorAt } from "./findings.ts";
import type { Finding, Manifest } from "./port.ts";

/** The last good version of a file. */
export interface GoodFile {
  readonly file: string;
  readonly manifests: readonly Manifest[];
}

export interface Serving {
  readonly byName: ReadonlyMap<string, Manifest>;
  readonly byEndpoint: ReadonlyMap<string, Manifest>;
  /** The file that each name is served from. */
  readonly owners: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
}

export const NOTHING_SERVES: Serving = { byName: new Map(), byEndpoint: new Map(), owners: new Map(), findings: [] };

/** Of a versioned one: the path that it is called by. */
export function endpointKey(apiVersion: string, endpoint: string): string {
  return `${apiVersion}/${endpoint}`;
}

/** A file that served a name before keeps it; else the first by path gets it. */
export function decideServing(files: readonly GoodFile[], before: Serving): Serving {
  const byName = new Map<string, Manifest>();
  const byEndpoint = new Map<string, Manifest>();
  const owners = new Map<string, string>();
  const findings: Finding[] = [];

  for (const { file, manifest } of inOrder(files, before)) {
    const owner = owners.get(manifest.name);
    if (owner !== undefined) {
      findings.push(duplicateName(file, owner, manifest.name));
      continue;
    }
    const key = manifest.endpoint === undefined ? undefined : endpointKey(manifest.apiVersion, manifest.endpoint);
    const rival = key === undefined ? undefined : byEndpoint.get(key);
    if (key !== undefined && rival) {
      findings.push(duplicateEndpoint(file, owners.get(rival.name) ?? "", manifest.name, rival.name, key));
      continue;
    }
    byName.set(manifest.name, manifest);
    owners.set(manifest.name, file);
    if (key !== undefined) byEndpoint.set(key, manifest);
  }
  return { byName, byEndpoint, owners, findings };
}

function inOrder(files: readonly GoodFile[], before: Serving) {
  const sorted = files.toSorted((one, other) => (one.file < other.file ? -1 : 1));
  const claims = sorted.flatMap(({ file, manifests }) => manifests.map((manifest) => ({ file, manifest })));
  const serves = (claim: { file: string; manifest: Manifest }) => before.owners.get(claim.manifest.name) === claim.file;
  return [...claims.filter(serves), ...claims.filter((claim) => !serves(claim))];
}

function duplicateName(file: string, owner: string, name: string): Finding {
  const where = file === owner ? `twice in ${file}` : `in ${owner} and in ${file}`;
  return errorAt({ file }, "duplicate-name", `blueprint "${name}" is declared ${where}: rename one of them`);
}

function duplicateEndpoint(file: string, owner: string, name: string, rival: string, key: string): Finding {
  const message = `blueprint "${name}" in ${file} wants the endpoint "${key}" that blueprint "${rival}" in ${owner} has: change one of them`;
  return errorAt({ file }, "duplicate-endpoint", message);
}
