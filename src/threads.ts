/**
 * Where the threads' own entry points lie. This file stands beside `main.ts`, because in the compiled
 * program all of the code has the address of `main.ts`, and the entries lie as they lie below `src`.
 */
export const HANDLER_THREAD = new URL("./handlers/thread.ts", import.meta.url).href;
export const LOADER_THREAD = new URL("./catalog/loader-thread.ts", import.meta.url).href;
export const DRAWING_THREAD = new URL("./http/drawing-thread.ts", import.meta.url).href;
export const WRITER_THREAD = new URL("./storage/sqlite/writer-thread.ts", import.meta.url).href;
/** No thread, but loaded as late: who never asks for a file pays nothing for it. */
export const S3_SDK = new URL("./files/s3/sdk.ts", import.meta.url).href;
export const HEART_THREAD = new URL("./heart-thread.ts", import.meta.url).href;
