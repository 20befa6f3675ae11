import type { Definition } from "./definition.ts";
export function pictureOf(_definition: Definition, _format: string): string {
  throw new Error("not built yet");
}
