/**
 * Pictures in every format. Graphviz and the painter of PNGs are WASM that lies in the program as files:
 * they cost nothing until the first picture is drawn, and nothing has to be installed.
 */
import * as vizModule from "@viz-js/viz" with { type: "file" };
import regularFont from "@expo-google-fonts/arimo/400Regular/Arimo_400Regular.ttf" with { type: "file" };
import boldFont from "@expo-google-fonts/arimo/700Bold/Arimo_700Bold.ttf" with { type: "file" };
import resvgWasm from "@resvg/resvg-wasm/index_bg.wasm" with { type: "file" };
import { messageOf, Refusal } from "../system/errors.ts";
import { type Drawn, type Picture, pictureOf } from "./picture.ts";
import { dotOf, FONT } from "./picture-dot.ts";
import { withLocalEnds } from "./picture-ends.ts";
import { mermaidOf } from "./picture-mermaid.ts";

export const GRAPH_FORMATS = ["svg", "png", "dot", "mermaid"] as const;
export type GraphFormat = (typeof GRAPH_FORMATS)[number];

/** Two pixels a point, for sharp text on any screen; less where the picture would not fit into memory. */
const SCALE = 2;
const SIDE_PIXELS_MAX = 16_000;
const PIXELS_MAX = 16_000_000;

/** Of the same widths, for machines that do not have the first. */
const FONT_FAMILIES = `${FONT}, Arimo, Liberation Sans, Helvetica, sans-serif`;

export function graphFormatOf(text: string): GraphFormat | undefined {
  return GRAPH_FORMATS.find((format) => format === text);
}

export function graphTextOf(drawn: Drawn, format: "dot" | "mermaid"): string {
  const picture = pictureOf(drawn);
  return format === "dot" ? dotOf(picture) : mermaidOf(picture);
}

/** The bytes of a file of that format. */
export async function draw(drawn: Drawn, format: GraphFormat): Promise<Uint8Array> {
  switch (format) {
    case "dot":
    case "mermaid":
      return new TextEncoder().encode(graphTextOf(drawn, format));
    case "svg":
    case "png":
      return drawPicture(pictureOf(drawn), format);
    default:
      return format satisfies never;
  }
}

async function drawPicture(picture: Picture, format: "svg" | "png"): Promise<Uint8Array> {
  const svg = await svgOf(dotOf(withLocalEnds(picture), { isRoomy: true }));
  return format === "svg" ? new TextEncoder().encode(svg) : pngOf(svg);
}

type Viz = Awaited<ReturnType<(typeof import("@viz-js/viz"))["instance"]>>;
type Resvg = (typeof import("@resvg/resvg-wasm"))["Resvg"];

let viz: Promise<Viz> | undefined;
let painter: Promise<{ readonly Resvg: Resvg; readonly fonts: readonly Uint8Array[] }> | undefined;

async function svgOf(dot: string): Promise<string> {
  const layouter = await (viz ??= loadViz());
  try {
    const svg = layouter.renderString(dot, { format: "svg" });
    return svg.replaceAll(`font-family="${FONT}"`, `font-family="${FONT_FAMILIES}"`);
  } catch (error) {
    throw new Refusal("GRAPH_NOT_DRAWN", 500, `The graph cannot be laid out (${messageOf(error)}): take its DOT text.`);
  }
}

async function loadViz(): Promise<Viz> {
  const { default: file } = vizModule as unknown as { readonly default: string };
  const { instance } = (await import(file)) as typeof import("@viz-js/viz");
  return instance();
}

async function pngOf(svg: string): Promise<Uint8Array> {
  const { Resvg, fonts } = await (painter ??= loadPainter());
  const image = new Resvg(svg, {
    fitTo: { mode: "zoom", value: scaleOf(svg) },
    font: { fontBuffers: [...fonts], defaultFontFamily: "Arimo", sansSerifFamily: "Arimo" },
  });
  try {
    return image.render().asPng();
  } finally {
    image.free();
  }
}

async function loadPainter() {
  const { initWasm, Resvg } = await import("@resvg/resvg-wasm");
  await initWasm(await Bun.file(resvgWasm).arrayBuffer());
  const fonts = await Promise.all([regularFont, boldFont].map(async (file) => Bun.file(file).bytes()));
  return { Resvg, fonts };
}

function scaleOf(svg: string): number {
  const [, width = "1", height = "1"] = /<svg width="([\d.]+)pt" height="([\d.]+)pt"/.exec(svg) ?? [];
  const [across, down] = [Number(width), Number(height)];
  return Math.min(SCALE, SIDE_PIXELS_MAX / Math.max(across, down), Math.sqrt(PIXELS_MAX / (across * down)));
}
