/** Objects that are tasks of a list for sure: it holds them, or it is mapped from data to them. */
import type { AnyNode } from "acorn";
import { isFunction } from "./decision-paths.ts";
import type { Source } from "./handler-source.ts";
import { listOf, nameOfMember } from "./literals.ts";

export function tasksWithin(list: AnyNode | undefined, source: Source): readonly AnyNode[] {
  if (list?.type === "CallExpression") return mappedTo(list);
  const items = listOf(list, source) ?? [];
  return items.flatMap((item) => {
    if (item?.type === "SpreadElement") return tasksWithin(item.argument, source);
    return item ? [item] : [];
  });
}

/** `data.map((item) => ({ taskType: … }))`, with or without a body in braces. */
function mappedTo({ callee, arguments: [mapper] }: Extract<AnyNode, { type: "CallExpression" }>): readonly AnyNode[] {
  const name = callee.type === "MemberExpression" ? nameOfMember(callee) : undefined;
  if (name !== "map" || !mapper || !isFunction(mapper)) return [];
  if (mapper.body.type !== "BlockStatement") return [mapper.body];
  return mapper.body.body.flatMap((part) => (part.type === "ReturnStatement" && part.argument ? [part.argument] : []));
}
