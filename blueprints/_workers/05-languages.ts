/** The worker of recipe 5: one task for each language. */
import { InvalidInputError, Worker } from "orchestrator/worker";

interface Params {
  text?: unknown;
}

function read({ text }: Params): string {
  if (typeof text !== "string") throw new InvalidInputError('the input has no "text"');
  return text;
}

const englishWords = new Set(["a", "an", "the"]);

export default new Worker()
  .task("process_en", (params: Params) => {
    const words = read(params).toLowerCase().split(/\s+/);
    return { language: "en", words: words.filter((word) => !englishWords.has(word)).length };
  })
  .task("process_de", (params: Params) => {
    const words = read(params).split(/\s+/);
    return { language: "de", nouns: words.filter((word) => /^\p{Lu}/u.test(word)).length };
  });
