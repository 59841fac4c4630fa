// The conversations, kept in this browser only.
// A conversation: {id, title, messages}. A message: {role: "user", text} or
// {role: "assistant", content, model, refusal, quotation, sources, stopped}.

export class Conversations {
  /** `place` keeps nations apart that are served from the same address one after the other. */
  constructor(place) {
    this.place = `sejong.${place}.conversations`;
  }

  /** All conversations, newest first; what cannot be read counts as none. */
  all() {
    try {
      const found = JSON.parse(localStorage.getItem(this.place) ?? "[]");
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  }

  find(id) {
    return this.all().find((one) => one.id === id);
  }

  /** Keep a conversation as the newest one. False where the browser has no room. */
  keep(conversation) {
    return this.#write([conversation, ...this.all().filter((one) => one.id !== conversation.id)]);
  }

  remove(id) {
    this.#write(this.all().filter((one) => one.id !== id));
  }

  clear() {
    localStorage.removeItem(this.place);
  }

  #write(conversations) {
    try {
      localStorage.setItem(this.place, JSON.stringify(conversations));
      return true;
    } catch {
      return false;
    }
  }
}

/** A new, empty conversation. */
export function blank() {
  return { id: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`, title: "", messages: [] };
}

/** The key of the service: taken from `#key=…` once, then kept in this tab only. */
export const key = {
  read() {
    const given = new URLSearchParams(location.hash.slice(1)).get("key");
    if (given) {
      this.set(given);
      history.replaceState(null, "", location.pathname + location.search);
    }
    return sessionStorage.getItem("sejong.key") ?? "";
  },
  set(value) {
    sessionStorage.setItem("sejong.key", value);
  },
  forget() {
    sessionStorage.removeItem("sejong.key");
  },
};
