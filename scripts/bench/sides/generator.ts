/** The load generator's process, seen from the conductor: an order in, an answer out. */
import type { Answer, Order } from "../load/generator.ts";
import type { LoadResult } from "../load/workloads.ts";
import { cleanEnvironment, keepTrackOf } from "./program.ts";
import type { GeneratorCommand } from "./side.ts";

export class Generator {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncGenerator<string>;

  private constructor({ command, environment = {} }: GeneratorCommand) {
    this.#child = Bun.spawn([...command], { env: cleanEnvironment(environment), stdio: ["pipe", "pipe", "inherit"] });
    keepTrackOf(this.#child);
    this.#lines = linesOf(this.#child.stdout);
  }

  /** Resolves when its door is open. */
  static async open(command: GeneratorCommand): Promise<Generator> {
    const generator = new Generator(command);
    await generator.#next();
    return generator;
  }

  get pid(): number {
    return this.#child.pid;
  }

  async run(order: Order): Promise<LoadResult> {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    await this.#child.stdin.flush();
    const answer = JSON.parse(await this.#next()) as Answer;
    if ("error" in answer) throw new Error(answer.error);
    return answer.result;
  }

  async close(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exited;
  }

  async #next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the load generator ended");
    return value;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}
