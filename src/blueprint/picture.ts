import type { Edge } from "../catalog/port.ts";
import { Refusal } from "../system/errors.ts";
import type { Definition } from "./definition.ts";
import { graphOf } from "./graph.ts";

export function pictureOf(definition: Definition, format: string): string {
  switch (format) {
    case "dot":
      return dotOf(definition);
    case "mermaid":
      return mermaidOf(definition);
    default:
      throw new Refusal(
        "FORMAT_NOT_AVAILABLE",
        501,
        `A picture cannot be drawn as "${format}" by this version: choose "dot" or "mermaid".`,
        { available: ["dot", "mermaid"] },
      );
  }
}

function dotOf(definition: Definition): string {
  const { states, edges } = partsOf(definition);
  const lines = [
    `digraph ${dotText(definition.name)} {`,
    "  node [shape=box style=rounded]",
    ...states.map((state) => `  ${dotText(state)}`),
    ...edges.map(({ from, to, label }) => `  ${dotText(from)} -> ${dotText(to)} [label=${dotText(captionOf(label))}]`),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

/** States get short ids: a name such as "end" is a word of Mermaid's own. */
function mermaidOf(definition: Definition): string {
  const { states, edges } = partsOf(definition);
  const ids = new Map(states.map((state, index) => [state, `s${index}`]));
  const lines = [
    "flowchart TD",
    ...states.map((state) => `  ${ids.get(state)}(${mermaidText(state)})`),
    ...edges.map(({ from, to, label }) => `  ${ids.get(from)} -->|${mermaidText(captionOf(label))}| ${ids.get(to)}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** Every state, those that are only led to included. Edges that differ in their condition alone are one arrow. */
function partsOf(definition: Definition): { readonly states: readonly string[]; readonly edges: readonly Edge[] } {
  const { edges } = graphOf(definition);
  const arrows = new Map(edges.map((edge) => [JSON.stringify([edge.from, edge.to, edge.label]), edge]));
  const states = new Set([...definition.states.keys(), ...edges.map((edge) => edge.to)]);
  return { states: [...states], edges: [...arrows.values()] };
}

function captionOf(label: string): string {
  return label === "transition" ? label : `on ${label}`;
}

function dotText(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

function mermaidText(text: string): string {
  return `"${text.replaceAll("#", "#35;").replaceAll('"', "#quot;").replaceAll("\n", " ")}"`;
}
