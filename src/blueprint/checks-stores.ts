/** Data stores that a handler uses and its blueprint does not declare. */
import type { Definition } from "./definition.ts";
import type { HandlerFacts } from "./handler-facts.ts";
import { type Problem, problem } from "./problem.ts";
import { unknownStoreText } from "./stored-values.ts";

export function storeProblems({ dataStores }: Definition, facts: HandlerFacts): readonly Problem[] {
  return facts.stores
    .filter(({ name }) => !Object.hasOwn(dataStores, name))
    .map(({ name, offset }) => {
      const message = unknownStoreText(name, Object.keys(dataStores));
      return problem("error", "unknown-store", message, facts.code, offset);
    });
}
