/** Turns stored units into the events that are served: ids, times, and snapshots rebuilt from differences. */
import type { JsonMap } from "../system/errors.ts";

/** An event as `GET /jobs/{id}/history` serves it (wire contract, section 8). */
export interface HistoryEvent {
  /** Grows within the job: what `Last-Event-ID` and cursors carry. */
  readonly sequence: number;
  readonly event_id: string;
  readonly job_id: string;
  readonly timestamp: string;
  readonly state: string | null;
  readonly event_type: string;
  readonly duration_ms: number | null;
  readonly previous_state: string | null;
  readonly next_state: string | null;
  readonly worker_id: string | null;
  readonly attempt_number: number | null;
  readonly context_snapshot: JsonMap;
}
