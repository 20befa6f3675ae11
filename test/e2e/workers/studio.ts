/** Paints and films. */
import { EventRefused, PermanentError, Type, Worker } from "orchestrator/worker";

const events = {
  clip: Type.Object({ n: Type.Integer() }),
  preview_ready: Type.Object({ url: Type.String() }),
};

export default new Worker()
  .task("paint", ({ spoil }) => {
    const by = process.env["PAINTER"];
    if (spoil === by) throw new PermanentError(`${by} is in no mood`);
    return { by };
  })
  .task("film", { events, output: Type.Object({ clips: Type.Integer() }) }, async (params, { sendEvent, signal }) => {
    const { clips = 0, pauseMs = 0, preview, odd, length = clips } = params;
    for (let n = 1; n <= clips; n++) {
      await sendEvent("clip", { n });
      await Bun.sleep(pauseMs);
    }
    if (odd !== undefined) await sendEvent("clip", { n: odd });
    if (preview === undefined) return { clips: length };
    await sendEvent("preview_ready", { url: preview });
    // The job has gone on, which the task may have heard of already: nobody waits for the rest.
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    const refused = await sendEvent("clip", { n: 0 }).catch((error: EventRefused) => error.code);
    console.log(`after the end: ${refused}`);
    return { status: "cancelled" };
  });
