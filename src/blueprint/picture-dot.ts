/** A picture as DOT, for Graphviz and all that reads it. */
import type { Picture, PictureEdge, PictureState, Role, Tone } from "./picture.ts";

interface Look {
  readonly shape: string;
  readonly fill: string;
  readonly line: string;
  /** Beside "filled". */
  readonly style?: string;
  readonly borders?: number;
  /** Shapes whose corners take room of their own need less. */
  readonly margin?: string;
}

/** Its widths are known to Graphviz and are those of the font that PNGs are drawn with. */
export const FONT = "Arial";
const INK = "#1f2937";
const FAINT = "#6b7280";

const LOOKS: Readonly<Record<Role, Look>> = {
  step: { shape: "box", style: "rounded", fill: "#ffffff", line: "#64748b" },
  task: { shape: "box", style: "rounded", fill: "#eff6ff", line: "#2563eb" },
  aggregator: { shape: "hexagon", fill: "#f5f3ff", line: "#7c3aed", margin: "0,0.05" },
  child: { shape: "box", style: "rounded", fill: "#ecfeff", line: "#0891b2", borders: 2 },
  person: { shape: "octagon", fill: "#fefce8", line: "#ca8a04", margin: "0.02,0.05" },
  wait: { shape: "box", style: "rounded,dashed", fill: "#f8fafc", line: "#475569" },
  end: { shape: "ellipse", fill: "#f0fdf4", line: "#15803d", borders: 2 },
  failed: { shape: "ellipse", fill: "#fef2f2", line: "#b91c1c", borders: 2 },
  cancelled: { shape: "ellipse", fill: "#f9fafb", line: "#6b7280", borders: 2 },
  missing: { shape: "box", style: "rounded,dashed", fill: "#fef2f2", line: "#b91c1c" },
};

interface Stroke {
  readonly color: string;
  readonly style?: string;
}

const STROKES: Readonly<Record<Tone, Stroke>> = {
  plain: { color: "#64748b" },
  good: { color: "#15803d" },
  bad: { color: "#b91c1c" },
  cancelled: { color: "#6b7280", style: "dashed" },
  late: { color: "#b45309", style: "dashed" },
  event: { color: "#0891b2", style: "dashed" },
  unknown: { color: "#b45309", style: "dotted" },
};

const NOWHERE = "where it leads";

export interface DotOptions {
  /** Room around the labels of edges, for a picture; peers who read the text want it as it is. */
  readonly isRoomy?: boolean;
}

/** Peers read the first `node` line and the labels: what makes it pretty stands on lines of its own. */
export function dotOf({ title, states, edges }: Picture, { isRoomy = false }: DotOptions = {}): string {
  const font = `fontname=${quoted(FONT)} fontcolor=${quoted(INK)}`;
  return [
    `// State Machine for ${title.replaceAll(/[\r\n]/g, " ")}`,
    `digraph ${quoted(title)} {`,
    // The empty line keeps the title off what lies below it.
    `\tgraph [label=${quoted(isRoomy ? `${title}\n ` : title)} labelloc=t ${font} fontsize=16 bgcolor=white pad=0.3 nodesep=0.45 ranksep=0.55]`,
    "\tnode [shape=box style=rounded]",
    `\tnode [${font} fontsize=13 margin="0.18,0.09"]`,
    `\tedge [fontname=${quoted(FONT)} fontsize=10 arrowsize=0.7]`,
    ...states.map(stateLine),
    ...nowhereLines(edges),
    ...edgeLines(edges, isRoomy),
    "}",
    "",
  ].join("\n");
}

function nowhereLines(edges: readonly PictureEdge[]): readonly string[] {
  if (edges.every(({ to }) => to !== undefined)) return [];
  return [`\t${quoted(NOWHERE)} [shape=plaintext label="?" fontsize=18 fontcolor=${quoted(STROKES.unknown.color)}]`];
}

/** In their own order, which decides the layout; the stroke is said where it changes. */
function edgeLines(edges: readonly PictureEdge[], isRoomy: boolean): readonly string[] {
  return edges.flatMap((edge, index) =>
    edge.tone === edges[index - 1]?.tone ? [edgeLine(edge, isRoomy)] : [strokeLine(edge.tone), edgeLine(edge, isRoomy)],
  );
}

function strokeLine(tone: Tone): string {
  const { color, style = "solid" } = STROKES[tone];
  // The good way is drawn as straight as can be.
  const weight = tone === "good" || tone === "plain" ? 8 : 1;
  return `\tedge [color=${quoted(color)} fontcolor=${quoted(color)} style=${style} weight=${weight}]`;
}

function stateLine(state: PictureState): string {
  const look = LOOKS[state.role];
  const attributes = [
    `label=${labelOf(state)}`,
    `shape=${look.shape}`,
    `style=${quoted([look.style, "filled"].filter(Boolean).join(","))}`,
    `fillcolor=${quoted(look.fill)}`,
    `color=${quoted(look.line)}`,
    ...(look.borders === undefined ? [] : [`peripheries=${look.borders}`]),
    ...(look.margin === undefined ? [] : [`margin=${quoted(look.margin)}`]),
    ...(state.isStart ? ["penwidth=3"] : []),
  ];
  return `\t${quoted(state.id)} [${attributes.join(" ")}]`;
}

function labelOf({ name, lines, isStart }: PictureState): string {
  const title = isStart ? `<b>${escaped(name)}</b>` : escaped(name);
  if (lines.length === 0) return `<${title}>`;
  const small = lines.map((line) => `<font point-size="10" color="${FAINT}">${escaped(line)}</font>`);
  const rows = [title, ...small].map((cell) => `<tr><td>${cell}</td></tr>`);
  return `<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">${rows.join("")}</table>>`;
}

function edgeLine({ from, to, caption, condition }: PictureEdge, isRoomy: boolean): string {
  const lines = condition === undefined ? [caption] : [caption, condition];
  const label = (isRoomy ? lines.map((line) => `  ${line}  `) : lines).join("\n");
  return `\t${quoted(from)} -> ${quoted(to ?? NOWHERE)} [label=${quoted(label)}]`;
}

function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll(/\r?\n/g, "\\n")}"`;
}

/** For labels that are written as HTML. */
function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll(/\r?\n/g, "<br/>");
}
