/** The page behind a link to decide: it shows, and decides nothing until somebody presses a button. */

export interface ApprovalQuestion {
  readonly blueprint: string;
  readonly state: string;
  readonly jobId: string;
  readonly message: string;
  /** Each is a button. */
  readonly decisions: readonly string[];
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;color:#1d2433;background:#fff}
.message{white-space:pre-wrap;overflow-wrap:anywhere;border-left:4px solid #4468b0;padding:.2rem 1rem;margin:1.5rem 0}
.about{color:#5b6475;font-size:.875rem;overflow-wrap:anywhere}
label{display:block;margin:1rem 0}input,textarea{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}
button{font:inherit;padding:.5rem 1.2rem;margin:0 .5rem .5rem 0;cursor:pointer}
@media (prefers-color-scheme:dark){body{background:#161a22;color:#e6e9f0}.about{color:#9aa4b8}}`;

/** Not framed, not kept, not followed, and nothing is loaded: whatever the job's message holds stays text. */
const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-robots-tag": "noindex",
};

export function questionPage({ blueprint, state, jobId, message, decisions }: ApprovalQuestion): Response {
  const buttons = decisions.map((one) => `<button name="decision" value="${escaped(one)}">${escaped(one)}</button>`);
  return page(
    200,
    "A decision is needed",
    `<p class="message">${escaped(message)}</p>
<form method="post">
<label>Your name<input name="by" maxlength="200" autocomplete="name"></label>
<label>Comment<textarea name="comment" maxlength="4000" rows="3"></textarea></label>
${buttons.join("\n")}
</form>
<p class="about">${escaped(blueprint)}, ${escaped(state)}, job ${escaped(jobId)}</p>`,
  );
}

export function noticePage(status: number, title: string, text: string, retryAfterSeconds?: number): Response {
  const response = page(status, title, `<p>${escaped(text)}</p>`);
  if (retryAfterSeconds !== undefined) response.headers.set("retry-after", String(retryAfterSeconds));
  return response;
}

function page(status: number, title: string, body: string): Response {
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><h1>${escaped(title)}</h1>
${body}
</body></html>
`;
  return new Response(html, { status, headers: HEADERS });
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
