/** The worker of recipe 18: reads documents, and turns blank ones away. */
import { PermanentError, Worker } from "orchestrator/worker";

interface Params {
  user?: number;
  type?: string;
}

const worker = new Worker();

worker.task("read_invoice", ({ user }: Params) => ({ pages: 2, draft: `draft-of-${user}` }));

worker.task("read_document", ({ type }: Params) => {
  if (type === "broken") throw new PermanentError("the document cannot be read");
  if (type === "blank") return { status: "rejected", data: { reason: "the page is blank" } };
  return { pages: 1, draft: "draft" };
});

export default worker;
