/** What the rest of the program uses of this folder. */
export { blueprintsOfBundles, createInlineRunner, type InlineBlueprint, type InlineRunnerOptions } from "./inline.ts";
export { createThreadPool, type ThreadPool, type ThreadPoolOptions } from "./pool.ts";
export type { Ending, HandlerHost, HandlerRunner, Step, Turn, TurnReply } from "./port.ts";
