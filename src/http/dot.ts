/** A blueprint's graph as DOT text. */
import type { Edge, Manifest } from "../catalog/port.ts";

export function toDot(manifest: Manifest): string {
  const names = new Set(manifest.states.map(({ name }) => name));
  for (const { from, to } of manifest.edges) names.add(from).add(to);
  const ends = new Set(manifest.states.filter(({ isEnd }) => isEnd).map(({ name }) => name));
  const nodes = [...names].map((name) => `\t${quote(name)}${ends.has(name) ? " [peripheries=2]" : ""}`);
  return [
    `// State Machine for ${manifest.name.replaceAll(/[\r\n]/g, " ")}`,
    "digraph {",
    "\tnode [shape=box style=rounded]",
    ...nodes,
    ...manifest.edges.map(edgeText),
    "}",
    "",
  ].join("\n");
}

function edgeText({ from, to, label, condition }: Edge): string {
  const outcome = label === "transition" ? label : `on ${label}`;
  return `\t${quote(from)} -> ${quote(to)} [label=${quote(condition === undefined ? outcome : `${outcome} if ${condition}`)}]`;
}

function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll(/\r?\n/g, "\\n")}"`;
}
