/** Where the thread of a worker's heart begins in the compiled program; see `threads.ts`. */
import "../worker/heart/thread.ts";
