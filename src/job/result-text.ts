/** What a job came to, as JSON text: what its blueprint calls its result, else all that it kept. */
export function resultText(stateHistory: string): string {
  // Only a text that holds the word can hold the key: most need no parsing.
  if (!stateHistory.includes('"result"')) return stateHistory;
  const history = JSON.parse(stateHistory) as Record<string, unknown>;
  return Object.hasOwn(history, "result") ? JSON.stringify(history["result"] ?? null) : stateHistory;
}
