/** What of the folder does not serve as it is now, and what serves on in its place. Pure. */
import { formatFinding, isError } from "./findings.ts";
import type { Finding, RefusedFile } from "./port.ts";
import type { Serving } from "./serving.ts";

export function refusedOf(findings: readonly Finding[], { owners }: Pick<Serving, "owners">): readonly RefusedFile[] {
  return findings.filter(isError).map((finding) => {
    const serving = [...owners].flatMap(([name, file]) => (file === finding.file ? [name] : []));
    return { ...finding, serving };
  });
}

/** A rival's name is no earlier version: the file as it is serves its other blueprints. */
const OF_ANOTHER_FILE: readonly string[] = ["duplicate-name", "duplicate-endpoint"];

/** One line, with the path as seen from where the program runs. */
export function refusedText(refused: RefusedFile): string {
  const { serving, rule } = refused;
  const isEarlier = serving.length > 0 && !OF_ANOTHER_FILE.includes(rule);
  return `${formatFinding(refused, ".")}${isEarlier ? ` (the version before serves on: ${serving.join(", ")})` : ""}`;
}

/** Why jobs of this blueprint run an older version than the file has now. */
export function staleText(name: string, refused: readonly RefusedFile[]): string | undefined {
  const found = refused.find(({ serving, rule }) => serving.includes(name) && !OF_ANOTHER_FILE.includes(rule));
  return found && `the newest version of its file is refused, so the one before runs: ${formatFinding(found, ".")}`;
}
