/** What workers write reaches a terminal: control characters stay out. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ");
}
