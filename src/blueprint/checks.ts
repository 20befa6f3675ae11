import type { Finding, Manifest } from "../catalog/port.ts";
import { type Definition } from "./definition.ts";

export interface Place {
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** Where a function's text (`String(handler)`) lies in the user's file. Asked with "" and 0 for the file as a whole. */
export type Locate = (functionText: string, offsetInFunction: number) => Place;

/** All of a manifest that the blueprint itself knows. */
export type ManifestParts = Omit<Manifest, "hash" | "file">;

export interface Inspection {
  /** `start` is empty where there is none: then `findings` has an error. */
  readonly manifest: ManifestParts;
  readonly findings: readonly Finding[];
}

/** `subject`: a Blueprint (of any module instance) or its Definition. */
export function inspect(_subject: object | Definition, _locate: Locate): Inspection {
  throw new Error("not built yet");
}
