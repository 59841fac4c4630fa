// The page's words in the nation's language or English, and which of the two is shown.

let strings = { native: {}, en: {} };
let nation = {};
let shown = "native";

/** Take the words from portal.json and the reader's last choice. */
export function setWords(portal) {
  strings = portal.strings;
  nation = portal.nation;
  shown = localStorage.getItem("sejong.language") === "en" ? "en" : "native";
}

/** The sentence called `name`, with `{placeholders}` filled in. */
export function say(name, values = {}) {
  const text = strings[shown][name] ?? strings.en[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, slot) => values[slot] ?? whole);
}

/** Show the other language. */
export function switchLanguage() {
  shown = shown === "en" ? "native" : "en";
  localStorage.setItem("sejong.language", shown);
  showWords();
}

/** Write the words into everything of the page that names one by `data-text`, `data-label` or `data-placeholder`. */
export function showWords() {
  const native = shown === "native";
  document.documentElement.lang = native ? nation.language : "en";
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = say(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", say(node.dataset.label));
  for (const node of document.querySelectorAll("[data-placeholder]")) node.placeholder = say(node.dataset.placeholder);
  const name = native ? nation.endonym : nation.name;
  document.title = say("page_title", { nation: name });
  document.querySelector("#brand-name").textContent = say("page_title", { nation: name });
  const other = native ? "English" : nation.language_endonym;
  const button = document.querySelector("#language-switch");
  button.textContent = other;
  button.lang = native ? "en" : nation.language;
  button.title = say("show_in", { language: other });
  document.dispatchEvent(new Event("words"));
}
