/** Blueprints that run others: whether these exist, and whether they end up running themselves. Pure. */
import type { Child, Finding, Manifest } from "./port.ts";
import type { GoodFile } from "./serving.ts";

/** What is wrong, by file. `severity` of a child that is in none of the files: those may not be all there are. */
export function childFindings(
  files: readonly GoodFile[],
  missing: Finding["severity"] = "error",
): ReadonlyMap<string, readonly Finding[]> {
  const manifests = new Map(files.flatMap((file) => file.manifests).map((manifest) => [manifest.name, manifest]));
  const found = files.map((file): [string, readonly Finding[]] => [
    file.file,
    file.manifests.flatMap((manifest) => findingsOf(manifest, manifests, missing)),
  ]);
  return new Map(found.filter(([, findings]) => findings.length > 0));
}

/** Files whose newest version has to be refused, each with why. The others go on as `refused` leaves them. */
export function refuseParents(
  files: ReadonlyMap<string, GoodFile>,
  changed: ReadonlySet<string>,
  before: (file: string) => GoodFile | undefined,
): ReadonlyMap<string, readonly Finding[]> {
  const left = new Map(files);
  const refused = new Map<string, readonly Finding[]>();
  // A refused file takes its own blueprints away again, and these may be the children of others.
  for (;;) {
    const guilty = [...childFindings([...left.values()])].filter(([file]) => changed.has(file) && !refused.has(file));
    if (guilty.length === 0) return refused;
    for (const [file, findings] of guilty) {
      refused.set(file, findings);
      const earlier = before(file);
      if (earlier) left.set(file, earlier);
      else left.delete(file);
    }
  }
}

function findingsOf(
  manifest: Manifest,
  manifests: ReadonlyMap<string, Manifest>,
  missing: Finding["severity"],
): readonly Finding[] {
  return (manifest.children ?? []).flatMap((child) => {
    if (!manifests.has(child.blueprint)) return [missingChild(manifest, child, missing)];
    const way = wayBack(child.blueprint, manifest.name, manifests);
    return way ? [circle(manifest, child, way)] : [];
  });
}

/** The blueprints between a child and the one that runs it, where they lead back. */
function wayBack(from: string, to: string, manifests: ReadonlyMap<string, Manifest>): readonly string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
  for (const name of cameFrom.keys()) {
    if (name === to) return wayTo(name, cameFrom);
    for (const { blueprint } of manifests.get(name)?.children ?? []) {
      if (!cameFrom.has(blueprint)) cameFrom.set(blueprint, name);
    }
  }
  return undefined;
}

function wayTo(end: string, cameFrom: ReadonlyMap<string, string | undefined>): readonly string[] {
  const way: string[] = [];
  for (let name = cameFrom.get(end); name !== undefined; name = cameFrom.get(name)) way.unshift(name);
  return way;
}

function missingChild({ name }: Manifest, child: Child, severity: Finding["severity"]): Finding {
  const advice = severity === "error" ? "add it or correct the name" : "check its file together with this one";
  const message = `Blueprint "${name}" runs "${child.blueprint}", which is in none of the files: ${advice}.`;
  return { severity, ...placeOf(child), rule: "missing-child", message };
}

function circle({ name }: Manifest, child: Child, way: readonly string[]): Finding {
  const through = way.length > 0 ? `, through ${way.map((step) => `"${step}"`).join(", ")}` : "";
  const message = `Blueprint "${name}" runs itself${through}, so it would never end: break the circle.`;
  return { severity: "error", ...placeOf(child), rule: "child-circle", message };
}

function placeOf({ file, line, column }: Child): Pick<Finding, "file" | "line" | "column"> {
  return { file, line, column };
}
