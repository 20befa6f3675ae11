import { describe, expect, test } from "bun:test";
import type { WorkerCall } from "../../src/cli/parts.ts";
import { play, type Stage } from "./stage.ts";

const DOOR = { "data/orchestrator.sock": "" };

interface Sent {
  readonly url: string;
  readonly token: string | null;
  readonly socket: string | undefined;
}

/** Says where a command went, with which token. */
async function sent(argv: readonly string[], stage: Stage, answer = Response.json({ jobs: [] })) {
  const requests: Sent[] = [];
  const fetch = async (url: string, options: BunFetchRequestInit) => {
    const headers = new Headers(options.headers);
    requests.push({ url: new URL(url).origin, token: headers.get("x-client-token"), socket: options.unix });
    return answer;
  };
  return { ...(await play(argv, { ...stage, fetch })), request: requests[0] };
}

const resume = ["workers", "resume", "w1"];
const list = ["jobs", "list"];

describe("whose token is sent", () => {
  test.each<[string, readonly string[], Record<string, string>, string]>([
    ["a client's command takes CLIENT_TOKEN first", list, { CLIENT_TOKEN: "c", OPERATOR_TOKEN: "o" }, "c"],
    ["an operator's takes OPERATOR_TOKEN first", resume, { CLIENT_TOKEN: "c", OPERATOR_TOKEN: "o" }, "o"],
    ["a client's takes OPERATOR_TOKEN where it is the only one", list, { OPERATOR_TOKEN: "o" }, "o"],
    ["an operator's takes CLIENT_TOKEN where it is the only one", resume, { CLIENT_TOKEN: "c" }, "c"],
    ["--token beats both", [...resume, "--token", "t"], { CLIENT_TOKEN: "c", OPERATOR_TOKEN: "o" }, "t"],
    ["so does ORCHESTRATOR_TOKEN", resume, { ORCHESTRATOR_TOKEN: "t", OPERATOR_TOKEN: "o" }, "t"],
  ])("%s", async (_, argv, environment, token) => {
    const { request, exitCode } = await sent([...argv, "--url", "http://x:1"], { environment });
    expect(request).toEqual({ url: "http://x:1", token, socket: undefined });
    expect(exitCode).toBe(0);
  });

  test("OPERATOR_TOKEN alone, which a server's shell may hold, leaves the local door open", async () => {
    const { request } = await sent(resume, { files: DOOR, environment: { OPERATOR_TOKEN: "o" } });
    expect(request).toMatchObject({ socket: "data/orchestrator.sock", token: null });
  });

  test("the help of operators' commands names their variable", async () => {
    expect((await play([...resume, "--help"])).out).toContain("(better: the variable OPERATOR_TOKEN)");
    expect((await play([...list, "--help"])).out).toContain("(better: the variable CLIENT_TOKEN)");
  });
});

describe("a refused token", () => {
  const refusal = (status: number, code: string) => Response.json({ error: "The sentence", code }, { status });

  test.each<[string, readonly string[], Record<string, string>, Response, string]>([
    ["that is wrong", list, { CLIENT_TOKEN: "c" }, refusal(401, "INVALID_TOKEN"), "The token came from CLIENT_TOKEN."],
    ["that is missing", list, {}, refusal(401, "MISSING_TOKEN"), "Set --token or CLIENT_TOKEN."],
    ["of an operator that is missing", resume, {}, refusal(401, "MISSING_TOKEN"), "Set --token or OPERATOR_TOKEN."],
    [
      "of a client at an operator's command",
      resume,
      { CLIENT_TOKEN: "c" },
      refusal(403, "FORBIDDEN"),
      "The token that was sent came from CLIENT_TOKEN: set OPERATOR_TOKEN, or give it with --token.",
    ],
    [
      "of a client where more is asked for than clients may",
      ["jobs", "rerun", "j1", "--from", "work"],
      { CLIENT_TOKEN: "c", OPERATOR_TOKEN: "o" },
      refusal(403, "FORBIDDEN"),
      'The token that was sent came from CLIENT_TOKEN: give one for operators, --token "$OPERATOR_TOKEN".',
    ],
  ])("%s is named by where it came from: exit code 4", async (_, argv, environment, answer, advice) => {
    const { err, exitCode } = await sent([...argv, "--url", "http://x:1"], { environment }, answer);
    expect(err).toBe(`error: The sentence. ${advice}\n`);
    expect(exitCode).toBe(4);
  });
});

describe("where a server is looked for", () => {
  const away = async () => {
    throw Object.assign(new Error("no"), { code: "ConnectionRefused" });
  };
  const refused = (environment: Record<string, string>, files: Record<string, string> = {}) =>
    play(list, { environment, files, fetch: away });

  test.each<[string, Record<string, string>, Record<string, string>, string]>([
    ["8080 of this machine", {}, {}, "http://127.0.0.1:8080"],
    ["the port that ORCHESTRATOR_PORT says", { ORCHESTRATOR_PORT: "19001" }, {}, "http://127.0.0.1:19001"],
    ["the port that API_PORT says", { API_PORT: "19002" }, {}, "http://127.0.0.1:19002"],
    ["the port of the settings file", {}, { "orchestrator.toml": "port = 19003" }, "http://127.0.0.1:19003"],
    ["8080 where any free port will do", { ORCHESTRATOR_PORT: "0" }, {}, "http://127.0.0.1:8080"],
    ["8080 where Kubernetes set it", { ORCHESTRATOR_PORT: "tcp://10.0.0.7:80" }, {}, "http://127.0.0.1:8080"],
    ["the URL, whatever the port", { ORCHESTRATOR_PORT: "1", ORCHESTRATOR_URL: "http://x:2" }, {}, "http://x:2"],
  ])("%s", async (_, environment, files, url) => {
    const { request } = await sent(list, { environment: { CLIENT_TOKEN: "c", ...environment }, files });
    expect(request?.url).toBe(url);
  });

  test("a worker is told the same port, and no address", async () => {
    const calls: WorkerCall[] = [];
    const worker = async (call: WorkerCall) => {
      calls.push(call);
      return 0;
    };
    await play(["worker", "w.ts"], { environment: { ORCHESTRATOR_PORT: "19001" }, parts: { worker } });
    expect(calls[0]?.settings).toMatchObject({ port: 19001, url: undefined });
  });

  test("a token that keeps a command from the local door is named when nobody answers: exit code 3", async () => {
    const { err, exitCode } = await refused({ CLIENT_TOKEN: "c" }, DOOR);
    expect(err).toBe(
      "error: No server answers at http://127.0.0.1:8080. CLIENT_TOKEN is set, so the local door data/orchestrator.sock" +
        " is not used: unset it, or say with --url or ORCHESTRATOR_URL where the server is.\n",
    );
    expect(exitCode).toBe(3);
  });

  test("in another folder than the server's, --data-dir is named", async () => {
    expect((await refused({})).err).toContain("There is none in ./data either");
    expect((await refused({})).err).toContain("--data-dir");
  });

  test("with a token and without a door, an address is asked for", async () => {
    expect((await refused({ CLIENT_TOKEN: "c" })).err).toEndWith(
      "or say where it is with --url or ORCHESTRATOR_URL.\n",
    );
  });
});
