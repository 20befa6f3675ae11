/** A worker's process that is reached over a WebSocket: steps in, results out, many in a message. */
const socket = new WebSocket(process.env["FRONT_URL"] ?? "");

socket.addEventListener("message", ({ data }) => {
  const steps = JSON.parse(String(data)) as { id: number }[];
  socket.send(JSON.stringify(steps.map(({ id }) => ({ id, result: { ok: true } }))));
});
socket.addEventListener("close", () => process.exit(0));
