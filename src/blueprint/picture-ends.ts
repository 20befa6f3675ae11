/**
 * An end that half of a large flow leads to would draw a long line from everywhere, over everything: such an
 * end is drawn again beside each state that leads to it. Only in pictures; texts have each state once.
 */
import type { Picture, PictureEdge, PictureState } from "./picture.ts";

const ARROWS_MAX = 8;

export function withLocalEnds(picture: Picture): Picture {
  const crowded = crowdedEnds(picture);
  if (crowded.size === 0) return picture;
  const ids = new Set(picture.states.map(({ id }) => id));
  const copies = new Map<string, PictureState>();
  const edges = picture.edges.map((edge): PictureEdge => {
    const end = edge.to === undefined ? undefined : crowded.get(edge.to);
    if (!end) return edge;
    const key = JSON.stringify([end.id, edge.from]);
    const copy = copies.get(key) ?? { ...end, id: unusedId(`${end.id} of ${edge.from}`, ids) };
    copies.set(key, copy);
    ids.add(copy.id);
    return { ...edge, to: copy.id };
  });
  const states = picture.states.filter(({ id }) => !crowded.has(id));
  return { ...picture, states: [...states, ...copies.values()], edges };
}

function crowdedEnds({ states, edges }: Picture): ReadonlyMap<string, PictureState> {
  const arrows = new Map<string, number>();
  for (const { to } of edges) if (to !== undefined) arrows.set(to, (arrows.get(to) ?? 0) + 1);
  const left = new Set(edges.map(({ from }) => from));
  const crowded = states.filter(({ id, isStart }) => !isStart && !left.has(id) && (arrows.get(id) ?? 0) > ARROWS_MAX);
  return new Map(crowded.map((state) => [state.id, state]));
}

function unusedId(id: string, used: ReadonlySet<string>): string {
  return used.has(id) ? unusedId(`${id}'`, used) : id;
}
