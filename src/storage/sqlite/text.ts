/**
 * Text that comes back as it went in. SQLite keeps UTF-8: a lone surrogate has no form in it and
 * would come back as another character, so such a text is kept as the bytes of its UTF-16 units.
 * A NUL needs no care: values are bound with their length.
 */
export type StoredText = string | Uint8Array;

export function toStored(text: string): StoredText {
  return text.isWellFormed() ? text : Uint8Array.from(Buffer.from(text, "utf16le"));
}

export function fromStored(stored: StoredText): string {
  return typeof stored === "string" ? stored : Buffer.from(stored).toString("utf16le");
}
