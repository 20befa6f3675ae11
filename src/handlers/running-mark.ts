/** What a thread is running, in memory that can still be read once the thread does not answer any more. */
export interface RunningHandler {
  readonly jobId: string;
  readonly blueprint: string;
  readonly state: string;
}

const BYTES = 2048;
const HEAD_BYTES = 4;

export function createMarkBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(BYTES);
}

export function createMarkWriter(buffer: SharedArrayBuffer): (running: RunningHandler) => void {
  const length = new Int32Array(buffer, 0, 1);
  const bytes = new Uint8Array(buffer, HEAD_BYTES);
  const encoder = new TextEncoder();
  let marked: RunningHandler = { jobId: "", blueprint: "", state: "" };
  return (running) => {
    // A turn and its first handler say the same.
    if (isSame(running, marked)) return;
    marked = running;
    const { jobId, blueprint, state } = running;
    length[0] = encoder.encodeInto(`${jobId}\n${blueprint}\n${state}`, bytes).written;
  };
}

function isSame(left: RunningHandler, right: RunningHandler): boolean {
  return left.jobId === right.jobId && left.state === right.state && left.blueprint === right.blueprint;
}

/** The handler that began last: the likely reason why the thread stands still. */
export function readMark(buffer: SharedArrayBuffer): RunningHandler | undefined {
  const length = new Int32Array(buffer, 0, 1)[0] ?? 0;
  if (length === 0) return undefined;
  // Copied: a text cannot be read out of shared memory.
  const bytes = Uint8Array.from(new Uint8Array(buffer, HEAD_BYTES, length));
  const [jobId = "", blueprint = "", ...state] = new TextDecoder().decode(bytes).split("\n");
  return { jobId, blueprint, state: state.join("\n") };
}
