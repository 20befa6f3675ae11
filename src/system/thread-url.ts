/**
 * Where a thread's entry lies, given its path below `src`: beside the sources, or in the compiled
 * program, where every module says that it lies at the root.
 */
export function threadUrl(path: string): string {
  const isCompiled = import.meta.url.includes("$bunfs");
  return new URL(isCompiled ? `./${path}` : `../${path}`, import.meta.url).href;
}
