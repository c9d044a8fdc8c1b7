// Calls of the server. An error carries the server's sentence and what to do.

export class CallError extends Error {
  constructor(message, hint, status) {
    super(message);
    this.hint = hint ?? "";
    this.status = status;
  }
}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(`/api/${path}`, { ...options, headers: { "X-Matsmith": "1", ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError("The server does not answer.", "Is `matsmith serve` still running?", 0);
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new CallError(body.message ?? `The server answered ${response.status}.`, body.hint, response.status);
  }
  return response;
}

export async function get(path) {
  return (await call(path)).json();
}

export async function text(path) {
  return (await call(path)).text();
}

export async function post(path, body, { signal } = {}) {
  const options = { method: "POST", body: JSON.stringify(body ?? {}), headers: { "Content-Type": "application/json" }, signal };
  return (await call(path, options)).json();
}

export async function send(path, form) {
  return (await call(path, { method: "POST", body: form })).json();
}

// Reads a stream of server-sent events from a POST: one object a `data:` line.
export async function* stream(path, body, signal) {
  const response = await call(path, {
    method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data: ")) yield JSON.parse(line.slice(6));
  }
}

let known;
export async function properties() {
  known ??= await get("properties");
  return known;
}

export function titleOf(names, property) {
  return names[property]?.title ?? property.replaceAll("_", " ");
}
