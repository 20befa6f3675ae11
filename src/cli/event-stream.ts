/** Reads server-sent events from the body of an answer. */
export interface ServerEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let waiting = "";
  for await (const chunk of body) {
    waiting += decoder.decode(chunk, { stream: true }).replaceAll("\r", "");
    for (let end = waiting.indexOf("\n\n"); end !== -1; end = waiting.indexOf("\n\n")) {
      const event = parseEvent(waiting.slice(0, end));
      waiting = waiting.slice(end + 2);
      if (event) yield event;
    }
  }
}

/** A block of comment lines, which keeps the connection alive, is no event. */
function parseEvent(block: string): ServerEvent | undefined {
  let id: string | undefined;
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === "id") id = value;
    if (field === "event") event = value ?? event;
    if (field === "data") data.push(value ?? "");
  }
  if (data.length === 0) return undefined;
  return { event, data: data.join("\n"), ...(id !== undefined && { id }) };
}
