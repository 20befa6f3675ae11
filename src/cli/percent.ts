/** Workers report 0 to 1 or 0 to 100: a value above 1 tells which. */
export function createScale(): (progress: number) => number {
  let isOfHundred = false;
  return (progress) => {
    isOfHundred ||= progress > 1;
    return Math.round(Math.min(100, Math.max(0, isOfHundred ? progress : progress * 100)));
  };
}

/** Of one value alone; anything else as it is. */
export function percent(progress: unknown): unknown {
  return typeof progress === "number" ? `${createScale()(progress)} %` : progress;
}
