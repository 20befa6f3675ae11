/**
 * The page that shows the API's description. It asks nobody else for anything, so that it works
 * where there is no internet.
 */

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
details { border: 1px solid #8884; border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
b { display: inline-block; min-width: 4rem; font-family: ui-monospace, monospace; }
code, pre { font-family: ui-monospace, monospace; }
pre { overflow: auto; background: #8881; padding: .6rem; border-radius: 6px; }
h2 { margin-top: 2rem; text-transform: capitalize; }
`;

// Text is set as text everywhere: names in the description come from blueprint files.
const SCRIPT = `
const add = (parent, tag, text) => {
  const element = parent.appendChild(document.createElement(tag));
  if (text) element.textContent = text;
  return element;
};
const show = (parent, title, schema) => {
  if (!schema || Object.keys(schema).length === 0) return;
  add(parent, "h4", title);
  add(parent, "pre", JSON.stringify(schema, null, 2));
};
const showOperation = (path, method, operation) => {
  const tag = (operation.tags || ["other"])[0];
  let section = document.getElementById(tag);
  if (!section) {
    section = add(document.body, "section");
    section.id = tag;
    add(section, "h2", tag);
  }
  const box = add(section, "details");
  const summary = add(box, "summary");
  add(summary, "b", method.toUpperCase());
  add(summary, "code", path);
  add(summary, "span", " \u2013 " + (operation.summary || ""));
  const body = operation.requestBody && operation.requestBody.content;
  if (body) show(box, "Body", body["application/json"].schema);
  for (const [status, answer] of Object.entries(operation.responses || {})) {
    const content = answer.content && answer.content["application/json"];
    show(box, "Answer " + status, content && content.schema);
  }
};
fetch("openapi.json").then((answer) => answer.json()).then((api) => {
  document.getElementById("about").textContent = api.info.description + " Version " + api.info.version;
  for (const [path, item] of Object.entries(api.paths).sort())
    for (const [method, operation] of Object.entries(item)) showOperation(path, method, operation);
}).catch((error) => { document.getElementById("about").textContent = "The description did not load: " + error; });
`;

export const DOCS_POLICY =
  "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'";

export const DOCS_PAGE = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Avtomatika API</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Avtomatika API</h1>
<p id="about">Loading the description…</p>
<p>The same as data: <a href="openapi.json">openapi.json</a></p>
<script>${SCRIPT}</script>
</body>
</html>
`;
