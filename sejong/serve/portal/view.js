// How a conversation looks: turns, quotations, sources, the passage panel. Everything from outside becomes text nodes.

import { markdown } from "./markdown.js";
import { say } from "./words.js";

const panel = document.querySelector("#passage");

/** One turn of the conversation. `open` is called with a passage's id when its source is chosen. */
export function turn(message, language, open) {
  return message.role === "user" ? question(message, language) : new Answer(message, language, open).node;
}

/** A person's question. */
export function question(message, language) {
  return element("article", { class: "turn user", "aria-label": say("you") }, [
    element("p", { class: "who" }, [say("you")]),
    element("div", { class: "said", lang: language }, [message.text]),
  ]);
}

/** An answer, drawn again as its message grows: quotation, the model's own words or a refusal, sources, how it ended. */
export class Answer {
  constructor(message, language, open) {
    this.message = message;
    this.language = language;
    this.open = open;
    this.own = element("div", { class: "own", lang: language });
    this.node = element("article", { class: "turn answer", "aria-label": say("assistant") });
    this.drawAll();
  }

  /** Everything: when the first chunk has come, and when the answer has ended. */
  drawAll() {
    const { message } = this;
    const parts = [element("p", { class: "who" }, [say("assistant")])];
    if (message.quotation) parts.push(quotation(message.quotation, this.language, this.open));
    if (message.refusal) {
      this.words = element("div", { class: "said" });
      this.own.replaceChildren(element("p", { class: "label" }, [say("refusal_label")]), this.words);
      this.own.className = "own refusal";
    } else {
      this.words = element("div", { class: "said" });
      this.own.replaceChildren(element("p", { class: "label" }, [say("model_label")]), this.words);
      this.own.className = "own";
    }
    if (message.refusal || message.model) parts.push(this.own);
    else if (message.running) parts.push(element("p", { class: "faint waiting" }, [say("answering")]));
    if (message.stopped) parts.push(element("p", { class: "faint ended" }, [say("stopped")]));
    if (message.failed) parts.push(element("p", { class: "error" }, [say(message.failed.key, message.failed.values)]));
    if (message.sources?.length) parts.push(sources(message.sources, this.open));
    this.node.replaceChildren(...parts);
    this.drawWords();
  }

  /** Only the words that grow while the answer streams. */
  drawWords() {
    const { message } = this;
    if ((message.refusal || message.model) && !this.own.isConnected && this.node.isConnected) return this.drawAll();
    this.words.replaceChildren(...markdown(message.refusal || message.model));
    return undefined;
  }
}

function quotation(quoted, language, open) {
  const source = element("button", { type: "button", class: "link" }, [quoted.title || quoted.locator]);
  source.addEventListener("click", () => open(quoted.passage));
  const facts = [quoted.locator, quoted.source, licence(quoted)].filter(Boolean).join(" · ");
  return element("figure", { class: "quotation" }, [
    element("figcaption", { class: "label" }, [say("quotation_label")]),
    element("blockquote", { lang: language }, [quoted.text]),
    element("p", { class: "from" }, [source, element("span", { class: "faint" }, [facts])]),
  ]);
}

function sources(found, open) {
  const rows = found.map((source, index) => {
    const title = [source.title, source.heading].filter((part, at, all) => part && all.indexOf(part) === at).join(" – ") || source.locator;
    const button = element("button", { type: "button", class: "source", "aria-label": say("open_passage", { number: index + 1, title }) }, [
      element("span", { class: "number" }, [String(index + 1)]),
      element("span", { class: "source-title" }, [title]),
      element("span", { class: "faint" }, [[source.source, licence(source)].filter(Boolean).join(" · ")]),
    ]);
    button.addEventListener("click", () => open(source.passage));
    return element("li", {}, [button]);
  });
  return element("section", { class: "sources", "aria-label": say("sources_label") }, [
    element("h3", { class: "label" }, [say("sources_label")]),
    element("ol", {}, rows),
  ]);
}

/** Open the panel and fill it with what `fetching` brings; `language` is that of the text. */
export async function showPassage(fetching, language) {
  const part = (name) => panel.querySelector(`#passage-${name}`);
  part("title").textContent = say("passage_loading");
  for (const name of ["heading", "text", "facts"]) part(name).replaceChildren();
  if (!panel.open) panel.showModal();
  let found;
  try {
    found = await fetching;
  } catch (error) {
    const missing = error.key === "error_request" ? "error_passage" : (error.key ?? "error_failed");
    part("title").textContent = say(missing, error.values);
    return;
  }
  part("title").textContent = found.title || found.locator;
  part("title").lang = language;
  part("heading").textContent = found.heading && found.heading !== found.title ? found.heading : "";
  part("heading").lang = language;
  const cited = element("mark", {}, [found.text]);
  part("text").replaceChildren(found.before ?? "", cited, found.after ?? "");
  part("text").lang = language;
  part("facts").replaceChildren(
    ...fact("passage_source", found.source),
    ...fact("passage_locator", found.locator, webAddress(found.locator)),
    ...fact("passage_licence", found.licence ?? say("licence_unknown")),
  );
  cited.scrollIntoView({ block: "center" });
}

function fact(name, value, address) {
  if (!value) return [];
  const shown = address ? element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, [value]) : value;
  return [element("dt", {}, [say(name)]), element("dd", {}, [shown])];
}

function licence(source) {
  return `${say("passage_licence")}: ${source.licence ?? say("licence_unknown")}`;
}

/** The locator as a link, only where it is an http(s) address. */
function webAddress(locator) {
  return /^https?:\/\//i.test(locator ?? "") && URL.canParse(locator) ? locator : null;
}

/** An element with attributes and children (nodes or text). */
export function element(name, attributes = {}, children = []) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
