/** What a job leaves behind, as JSON text. */

/** What the blueprint calls its result, else all that it kept. */
export function resultText(stateHistory: string): string {
  return ownResult(stateHistory) ?? stateHistory;
}

/** What the blueprint calls its result; undefined: it set none. */
export function ownResult(stateHistory: string): string | undefined {
  // Only a text that holds the word can hold the key: most need no parsing.
  if (!stateHistory.includes('"result"')) return undefined;
  const history = JSON.parse(stateHistory) as Record<string, unknown>;
  return Object.hasOwn(history, "result") ? JSON.stringify(history["result"] ?? null) : undefined;
}
