/** A picture as Mermaid, for READMEs and wikis. */
import type { Picture, PictureEdge, PictureState, Role, Tone } from "./picture.ts";

/** What stands before and after a state's text. */
const SHAPES: Readonly<Record<Role, readonly [string, string]>> = {
  step: ["(", ")"],
  task: ["(", ")"],
  aggregator: ["{{", "}}"],
  child: ["[[", "]]"],
  person: ["[/", "/]"],
  wait: ["(", ")"],
  end: ["([", "])"],
  failed: ["([", "])"],
  cancelled: ["([", "])"],
  missing: ["(", ")"],
};

const CLASSES: Readonly<Record<Role, string>> = {
  step: "fill:#ffffff,stroke:#64748b,color:#1f2937",
  task: "fill:#eff6ff,stroke:#2563eb,color:#1f2937",
  aggregator: "fill:#f5f3ff,stroke:#7c3aed,color:#1f2937",
  child: "fill:#ecfeff,stroke:#0891b2,color:#1f2937",
  person: "fill:#fefce8,stroke:#ca8a04,color:#1f2937",
  wait: "fill:#f8fafc,stroke:#475569,color:#1f2937,stroke-dasharray:4",
  end: "fill:#f0fdf4,stroke:#15803d,color:#1f2937,stroke-width:2px",
  failed: "fill:#fef2f2,stroke:#b91c1c,color:#1f2937,stroke-width:2px",
  cancelled: "fill:#f9fafb,stroke:#6b7280,color:#1f2937,stroke-width:2px",
  missing: "fill:#fef2f2,stroke:#b91c1c,color:#1f2937,stroke-dasharray:4",
};

const DOTTED: ReadonlySet<Tone> = new Set<Tone>(["cancelled", "late", "event", "unknown"]);
const NOWHERE = "nowhere";

/** States get short ids: a name such as "end" is a word of Mermaid's own. */
export function mermaidOf({ states, edges }: Picture): string {
  const ids = new Map(states.map(({ id }, index) => [id, `s${index}`]));
  const idOf = (name: string | undefined) => (name === undefined ? NOWHERE : (ids.get(name) ?? NOWHERE));
  const roles = new Set(states.map(({ role }) => role));
  const starts = states.filter(({ isStart }) => isStart).map(({ id }) => idOf(id));
  return [
    "flowchart TD",
    ...states.map((state) => `  ${idOf(state.id)}${shapeOf(state)}:::${classOf(state.role)}`),
    ...(edges.some(({ to }) => to === undefined) ? [`  ${NOWHERE}("?")`] : []),
    ...edges.map((edge) => `  ${idOf(edge.from)} ${arrowOf(edge)} ${idOf(edge.to)}`),
    ...[...roles].map((role) => `  classDef ${classOf(role)} ${CLASSES[role]}`),
    ...starts.map((id) => `  style ${id} stroke-width:4px`),
    "",
  ].join("\n");
}

/** "end" by itself is a word of Mermaid's. */
function classOf(role: Role): string {
  return `is_${role}`;
}

function shapeOf({ name, lines, role }: PictureState): string {
  const [before, after] = SHAPES[role];
  return `${before}${quoted([name, ...lines])}${after}`;
}

function arrowOf({ caption, condition, tone }: PictureEdge): string {
  const line = DOTTED.has(tone) ? "-.->" : "-->";
  return `${line}|${quoted(condition === undefined ? [caption] : [caption, condition])}|`;
}

/** In Mermaid's own way of writing what means something to it. */
function quoted(lines: readonly string[]): string {
  const text = lines.map((line) => line.replaceAll(/[#"<>&`\\]/g, (sign) => `#${sign.charCodeAt(0)};`));
  return `"${text.join("<br/>").replaceAll(/\r?\n/g, " ")}"`;
}
