/** Which paths a route of the router takes: `:name` stands for one part, a `*` at the end for whatever follows. */
export function matcherOf(route: string): (path: string) => boolean {
  const takesRest = route.endsWith("*");
  const wanted = (takesRest ? route.slice(0, -1) : route).split("/");
  // What stands before the "*" is said already; the rest begins behind it.
  const said = takesRest ? wanted.slice(0, -1) : wanted;
  return (path) => {
    const parts = path.replace(/\/$/, "").split("/");
    const hasLength = takesRest ? parts.length >= said.length : parts.length === said.length;
    return hasLength && said.every((part, index) => part.startsWith(":") || part === parts[index]);
  };
}

interface Route {
  readonly method: string;
  readonly path: string;
}

/** Whether one of the routes takes POSTs at a path. `endpoints`: the route that all blueprints share, which does not count. */
export function postsOf(routes: readonly Route[], endpoints: string): (path: string) => boolean {
  const others = routes.filter(({ method, path }) => (method === "POST" || method === "ALL") && path !== endpoints);
  const matchers = others.map(({ path }) => matcherOf(path));
  return (path) => matchers.some((matches) => matches(path));
}
