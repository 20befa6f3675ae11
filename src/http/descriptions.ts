/** What the API's description says of a route. Schemas are those that the bodies are checked with. */
import type { TSchema } from "@sinclair/typebox";
import { Type } from "@sinclair/typebox";

export type Audience = "public" | "client" | "worker" | "admin";

interface Described {
  readonly detail: object;
}

const ERROR = Type.Object(
  {
    error: Type.String({ description: "One sentence that says what to do." }),
    code: Type.String({ description: "Stable: programs may rely on it." }),
    details: Type.Optional(Type.Any()),
  },
  { title: "Error" },
);

const SECURITY: Readonly<Record<Audience, readonly object[]>> = {
  public: [],
  client: [{ clientToken: [] }],
  worker: [{ workerToken: [] }],
  admin: [{ clientToken: [] }],
};

export const jobBody = Type.Object(
  {
    initial_data: Type.Optional(Type.Record(Type.String(), Type.Any())),
    priority: Type.Optional(Type.Number()),
    deadline_seconds: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    dispatch_timeout: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    result_timeout: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    webhook_url: Type.Optional(Type.String()),
    security: Type.Optional(Type.Record(Type.String(), Type.Any())),
    metadata: Type.Optional(Type.Record(Type.String(), Type.Any())),
    tags: Type.Optional(Type.Array(Type.String())),
    start_at: Type.Optional(Type.String({ description: "It begins then, and not before." })),
    unique_key: Type.Optional(
      Type.String({ description: "While a job with it is not over, its id is the answer, with existing: true." }),
    ),
  },
  { title: "NewJob", description: "The envelope. A body without initial_data is the input itself." },
);

export const eventBody = Type.Object(
  { event: Type.String({ minLength: 1 }), data: Type.Optional(Type.Any()) },
  { title: "Event" },
);

export const decisionBody = Type.Object(
  { decision: Type.String({ minLength: 1 }), comment: Type.Optional(Type.String()) },
  { title: "Decision" },
);

export const rerunBody = Type.Object(
  {
    from_state: Type.Optional(Type.String()),
    initial_data: Type.Optional(Type.Record(Type.String(), Type.Any())),
  },
  { title: "Rerun", description: "Left out: from the start, with the first run's input." },
);

export const filtersBody = Type.Object(
  {
    status: Type.Optional(Type.String()),
    blueprint: Type.Optional(Type.String()),
    created_after: Type.Optional(Type.String()),
    created_before: Type.Optional(Type.String()),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    cursor: Type.Optional(Type.String()),
    dry_run: Type.Optional(Type.Boolean()),
  },
  { title: "JobFilters", description: "As of the list; at least one filter. A page at a time: next_cursor goes on." },
);

export const migrationBody = Type.Object(
  {
    to: Type.String({ description: 'The version: "current", or its hash.' }),
    states: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: "What states are called there: old name to new." }),
    ),
    dry_run: Type.Optional(Type.Boolean()),
  },
  { title: "Migration" },
);

/** `isShown` false: the route is a second spelling of one that is described already. */
export function describe(audience: Audience, isShown = true) {
  return (summary: string, body?: TSchema | object, answer?: TSchema): Described => ({
    detail: { ...operation(audience, summary, body, answer), ...(!isShown && { hide: true }) },
  });
}

export function operation(audience: Audience, summary: string, body?: object, answer: object = {}, status = "200") {
  return {
    summary,
    tags: [audience],
    security: SECURITY[audience],
    ...(body !== undefined && { requestBody: { content: asJson(body) } }),
    responses: {
      [status]: { description: "Done", content: asJson(answer) },
      default: { description: "Refused", content: asJson(ERROR) },
    },
  };
}

function asJson(schema: object) {
  return { "application/json": { schema } };
}
