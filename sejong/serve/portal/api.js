// The gateway, as this page sees it: three addresses and the errors that may come back.

/** An error with the key of the sentence to show (`error_…` in the portal's words) and values for its placeholders. */
export class ServiceError extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/** What the page needs to start: nation, model, words in both languages, example questions. */
export async function readPortal() {
  const response = await request("portal.json", {});
  return response.json();
}

/** A passage inside its document. */
export async function readPassage(id, key) {
  const response = await request(`v1/passages/${encodeURIComponent(id)}`, { headers: headers(key) });
  return response.json();
}

/**
 * Ask, and yield the chunks of the answer as they come.
 * Aborting `signal` ends the loop with an AbortError; a connection that ends before `[DONE]` is an error.
 */
export async function* ask(model, messages, key, signal) {
  const response = await request("v1/chat/completions", {
    method: "POST",
    headers: { ...headers(key), "Content-Type": "application/json" },
    body: JSON.stringify({ model, messages, stream: true }),
    signal,
  });
  let whole = false;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") {
        whole = true;
        break;
      }
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ServiceError("error_failed");
      yield chunk;
    }
  } catch (error) {
    if (error instanceof ServiceError || error.name === "AbortError") throw error;
    throw new ServiceError("error_broken");
  }
  if (!whole) throw new ServiceError("error_broken");
}

/**
 * The data of each server-sent event in a byte stream (WHATWG HTML, section 9.2).
 * Network chunks may end inside a UTF-8 character, a line or a `\r\n`: nothing is decoded or split before it is whole.
 */
export async function* events(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  let data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = rest.split(/\r\n|\n|\r(?=[^])/); // a final \r may be half of \r\n
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data.length) yield data.join("\n");
          data = [];
        } else if (line.startsWith("data:")) {
          data.push(line.slice(line[5] === " " ? 6 : 5));
        }
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function headers(key) {
  return { Authorization: `Bearer ${key}` };
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), { cache: "no-store", credentials: "omit", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("error_service");
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response) {
  const { status } = response;
  if (status === 401 || status === 403) return new ServiceError("error_key");
  if (status === 429) return new ServiceError("error_quota");
  if (status === 503) return new ServiceError("error_busy");
  if (status >= 500) return new ServiceError("error_failed");
  const body = await response.json().catch(() => ({}));
  return new ServiceError("error_request", { detail: body?.error?.message ?? `HTTP ${status}` });
}
