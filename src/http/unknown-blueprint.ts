/** A name that no blueprint in service has: which there are, and which files were refused. */
import { basename } from "node:path";
import { refusedText } from "../catalog/index.ts";
import type { Catalog, RefusedFile } from "../catalog/port.ts";
import { Refusal } from "../system/errors.ts";
import { nearest } from "./nearest.ts";

/** As many names help somebody who meant none of them. */
const NAMES_MAX = 10;
const REFUSED_MAX = 3;

export function unknownBlueprint(
  name: string,
  catalog: Pick<Catalog, "list" | "refused">,
  isOperator: boolean,
): Refusal {
  const names = catalog.list().map((one) => one.name);
  const near = nearest(name, names);
  const hints = [near.length === 0 ? namesText(names) : "", isOperator ? refusedHint(name, catalog.refused()) : ""];
  const hint = hints.filter((one) => one !== "").join(" ");
  return new Refusal("BLUEPRINT_NOT_FOUND", 404, "Blueprint not found", {
    near: [...near],
    ...(hint !== "" && { hint }),
  });
}

function namesText(names: readonly string[]): string {
  if (names.length === 0) return "";
  return `There are: ${shortened(names.toSorted(), NAMES_MAX)}.`;
}

/** Those that may be what is meant, by the file's name or by what is said of it; where none is, the first of all. */
function refusedHint(name: string, refused: readonly RefusedFile[]): string {
  if (refused.length === 0) return "";
  const own = refused.filter((one) => bareName(one.file) === bare(name) || one.message.includes(`"${name}"`));
  if (own.length > 0) return `Refused, and so not in service: ${own.slice(0, REFUSED_MAX).map(refusedText).join("; ")}`;
  const more = refused.length > REFUSED_MAX ? "; `orchestrator blueprints list` tells all" : "";
  return `Some were refused, and may be what is meant: ${refused.slice(0, REFUSED_MAX).map(refusedText).join("; ")}${more}`;
}

function bareName(file: string): string {
  return bare(basename(file).replace(/\.[jt]s$/, ""));
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
}

function shortened(names: readonly string[], most: number): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
