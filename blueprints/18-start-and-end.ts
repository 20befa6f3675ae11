/**
 * Recipe 18: what belongs into the first and the last handlers. The start checks the input, prepares what later
 * handlers need and decides the way; ends tidy up and tell of the outcome, and decide nothing.
 *
 * Try it with its worker running:
 *   orchestrator worker blueprints/_workers/18-documents.ts
 *   orchestrator jobs submit validation_example --wait --input '{"user_id": 7, "document_type": "invoice"}'
 *   orchestrator jobs submit validation_example --wait --input '{"user_id": 7, "document_type": "letter"}'
 *   orchestrator jobs submit validation_example --wait --input '{"user_id": 7, "document_type": "blank"}'   is rejected
 *   orchestrator jobs submit validation_example --wait                                                      invalid input
 */
import { Blueprint } from "orchestrator";

const validation = new Blueprint({ name: "validation_example", apiEndpoint: "jobs/validation" });

validation.handlerFor("validate_input", { isStart: true }, ({ initialData, stateHistory }, actions) => {
  const { user_id: userId, document_type: documentType } = initialData;
  if (userId === undefined || typeof documentType !== "string") {
    actions.transitionTo("invalid_input_failed", { errorMessage: "user_id and document_type are both needed" });
    return;
  }
  stateHistory["validated_user"] = userId;
  stateHistory["doc_type"] = documentType;
  actions.transitionTo(documentType === "invoice" ? "process_invoice" : "process_other_document");
});

validation.handlerFor("process_invoice", ({ stateHistory }, actions) => {
  actions.dispatchTask({
    taskType: "read_invoice",
    params: { user: stateHistory["validated_user"] },
    transitions: { success: "cleanup_and_notify_success", failure: "failed", cancelled: "cancelled" },
  });
});

validation.handlerFor("process_other_document", ({ stateHistory }, actions) => {
  actions.dispatchTask({
    taskType: "read_document",
    params: { user: stateHistory["validated_user"], type: stateHistory["doc_type"] },
    // A status of the worker's own leads where the blueprint says.
    transitions: {
      success: "cleanup_and_notify_success",
      rejected: "handle_rejection",
      failure: "failed",
      cancelled: "cancelled",
    },
  });
});

validation.handlerFor("cleanup_and_notify_success", { isEnd: true }, ({ log, stateHistory }) => {
  const kept = stateHistory["draft"];
  delete stateHistory["draft"];
  log.info("done, and tidied up", { kept: stateHistory["pages"], removed: kept });
});

validation.handlerFor("handle_rejection", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("rejected", { reason: stateHistory["reason"] ?? "no reason was given" });
});

validation.handlerFor("invalid_input_failed", { isEnd: true }, ({ error, log }) => {
  log.warn("invalid input", { error });
});

validation.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("not read", { error });
});

validation.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default validation;
