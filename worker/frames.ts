/** How frames of our stream travel: each WebSocket message is a JSON array of objects with a `type`. */
export interface Frame {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** The array from frames that are JSON text already, so that nothing is encoded twice. */
export function joinFrames(frames: readonly string[]): string {
  return `[${frames.join(",")}]`;
}

/** Undefined when the text is no array of frames. */
export function parseFrames(text: string): readonly Frame[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  return Array.isArray(parsed) && parsed.every(isFrame) ? parsed : undefined;
}

function isFrame(value: unknown): value is Frame {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
