export class PromiseBroken extends Error {
  override readonly name = "PromiseBroken";
}

export function promise(holds: unknown, what: string): asserts holds {
  if (!holds) throw new PromiseBroken(what);
}
