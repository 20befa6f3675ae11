/** Turns that are answered by a call: each costs a dozen objects less than one that is answered by a promise. */
import { Stopping } from "../system/stopping.ts";
import type { HandlerRunner, TurnStarter } from "./port.ts";

export function starterOf(runner: HandlerRunner): TurnStarter {
  return isStarter(runner) ? runner : startingBy(runner);
}

function isStarter(runner: HandlerRunner): runner is HandlerRunner & TurnStarter {
  return "begin" in runner;
}

/** For runners that know promises alone. */
function startingBy(runner: HandlerRunner): TurnStarter {
  return {
    begin(turn, asker) {
      const stopping = new Stopping();
      runner.run(turn, stopping.signal).then(
        (reply) => asker.answered(reply),
        (error: unknown) => asker.failed(error),
      );
      return stopping;
    },
  };
}
