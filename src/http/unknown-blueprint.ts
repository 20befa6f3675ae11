/** A name that no blueprint in service has: which there are, and which files were refused. */
import { refusedText } from "../catalog/index.ts";
import type { Catalog } from "../catalog/port.ts";
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
  const hints = [near.length === 0 ? namesText(names) : "", isOperator ? refusedHint(catalog) : ""];
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

function refusedHint(catalog: Pick<Catalog, "refused">): string {
  const refused = catalog.refused();
  if (refused.length === 0) return "";
  const [first] = refused;
  if (refused.length === 1 && first) return `A file was refused, and may be what is meant: ${refusedText(first)}`;
  const texts = refused.slice(0, REFUSED_MAX).map(refusedText).join("; ");
  const more = refused.length > REFUSED_MAX ? "; …" : "";
  return `${refused.length} files were refused, and may be what is meant: ${texts}${more}`;
}

function shortened(names: readonly string[], most: number): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
