// The portal: reads what the gateway says of itself, keeps the conversations, asks and shows answers.

import { ask, readPassage, readPortal, ServiceError } from "./api.js";
import { blank, Conversations, key } from "./store.js";
import { Answer, element, question, showPassage, turn } from "./view.js";
import { say, setWords, showWords, switchLanguage } from "./words.js";

const at = (id) => document.querySelector(`#${id}`);
const [log, box, composer, scroll] = [at("log"), at("question"), at("composer"), at("scroll")];

let portal;
let conversations;
let current = blank();
let running = null; // the AbortController of the answer under way

await start();

async function start() {
  try {
    portal = await readPortal();
  } catch {
    at("no-service").hidden = false;
    return;
  }
  conversations = new Conversations(portal.nation.name);
  setWords(portal);
  document.addEventListener("words", draw);
  wire();
  showWords();
  at("brand-model").textContent = portal.model;
  document.documentElement.removeAttribute("data-starting");
  if (key.read()) box.focus();
  else askForKey();
}

function wire() {
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    send(box.value);
  });
  box.addEventListener("keydown", (event) => {
    // While Hangul or kana are being composed, Enter confirms the syllable (229: older Safari says it only this way).
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send(box.value);
  });
  at("stop").addEventListener("click", () => running?.abort());
  at("new-conversation").addEventListener("click", () => show(blank()));
  at("clear-history").addEventListener("click", () => at("confirm").showModal());
  at("confirm-no").addEventListener("click", () => at("confirm").close());
  at("confirm-yes").addEventListener("click", () => {
    at("confirm").close();
    current.deleted = true; // an answer under way in it is not kept either
    conversations.clear();
    show(blank());
  });
  at("change-key").addEventListener("click", () => askForKey());
  at("key-form").addEventListener("submit", takeKey);
  window.addEventListener("storage", drawHistory); // another tab
  window.addEventListener("hashchange", () => key.read() && at("key").close());
  at("passage-close").addEventListener("click", () => at("passage").close());
  for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("click", closeFromOutside);
  at("language-switch").addEventListener("click", switchLanguage);
  at("theme-switch").addEventListener("click", switchTheme);
  at("history-toggle").addEventListener("click", () => openHistory(!at("history").classList.contains("open")));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTheme);
}

/** Everything on the page that depends on the conversation or the language. */
function draw() {
  drawTheme();
  drawHistory();
  drawExamples();
  drawConversation();
}

function drawConversation() {
  if (running) return; // the answer under way draws itself
  const { language } = portal.nation;
  log.replaceChildren(...current.messages.map((message) => turn(message, language, openPassage)));
  at("empty").hidden = current.messages.length > 0;
  scroll.scrollTop = scroll.scrollHeight;
}

function drawHistory() {
  const all = conversations.all();
  at("history-empty").hidden = all.length > 0;
  at("clear-history").hidden = all.length === 0;
  at("history-list").replaceChildren(...all.map(historyRow));
}

function historyRow(conversation) {
  const { language } = portal.nation;
  const open = element("button", { type: "button", class: "quiet row", lang: language }, [conversation.title]);
  if (conversation.id === current.id) open.setAttribute("aria-current", "true");
  open.addEventListener("click", () => show(conversation));
  const remove = element("button", { type: "button", class: "quiet remove" }, ["×"]);
  remove.setAttribute("aria-label", say("delete_conversation", { title: conversation.title }));
  remove.addEventListener("click", () => {
    conversations.remove(conversation.id);
    if (conversation.id !== current.id) return drawHistory();
    current.deleted = true;
    return show(blank());
  });
  return element("li", {}, [open, remove]);
}

function drawExamples() {
  at("examples-block").hidden = portal.examples.length === 0;
  at("examples").replaceChildren(
    ...portal.examples.map((text) => {
      const button = element("button", { type: "button", class: "example", lang: portal.nation.language }, [text]);
      button.addEventListener("click", () => send(text));
      return element("li", {}, [button]);
    }),
  );
}

function show(conversation) {
  running?.abort();
  running = null;
  current = conversation;
  openHistory(false);
  fail(null);
  setRunning(false);
  drawHistory();
  drawConversation();
  box.focus();
}

/** Ask a question and stream the answer into the page. */
async function send(text) {
  const asked = text.trim();
  if (!asked || running) return;
  if (!key.read()) {
    box.value = asked;
    askForKey();
    return;
  }
  const conversation = current;
  const controller = new AbortController();
  const message = { role: "assistant", content: "", model: "", refusal: "", quotation: null, sources: [], running: true };
  const before = conversation.messages.map(wireForm);
  const user = { role: "user", text: asked };
  const answer = new Answer(message, portal.nation.language, openPassage);
  running = controller;
  fail(null);
  box.value = "";
  at("empty").hidden = true;
  log.append(question(user, portal.nation.language), answer.node);
  setRunning(true);
  toEnd();
  try {
    for await (const chunk of ask(portal.model, [...before, wireForm(user)], key.read(), controller.signal)) take(chunk, message, answer);
  } catch (error) {
    end(error, message);
  }
  delete message.running;
  if (message.failed && !message.content && !message.quotation) giveBack(asked, message.failed, conversation);
  else keep(conversation, user, message);
  if (running === controller) {
    running = null;
    setRunning(false);
    if (message.failed || conversation !== current) drawConversation();
    else answer.drawAll();
    toEnd();
  }
  drawHistory();
  at("status").textContent = message.failed ? "" : say(message.stopped ? "stopped" : "answered");
}

/** One chunk of the answer: the object of the first one, then the words by their part. */
function take(chunk, message, answer) {
  if (chunk.sejong) {
    message.quotation = chunk.sejong.quotation ?? null;
    message.sources = chunk.sejong.sources ?? [];
    answer.drawAll();
  }
  const delta = chunk.choices?.[0]?.delta ?? {};
  message.content += delta.content ?? "";
  if (delta.sejong_part === "model") message.model += delta.content ?? "";
  if (delta.sejong_part === "refusal") message.refusal += delta.content ?? "";
  const follow = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  answer.drawWords();
  if (follow) toEnd();
}

function end(error, message) {
  if (error.name === "AbortError") message.stopped = true;
  else if (error instanceof ServiceError) message.failed = { key: error.key, values: error.values };
  else throw error;
}

function keep(conversation, user, message) {
  if (conversation.deleted) return;
  conversation.messages.push(user, message);
  conversation.title ||= user.text.slice(0, 80);
  if (!conversations.keep(conversation)) fail("error_storage");
}

/** Nothing came: the question goes back into the box, and one sentence says why. */
function giveBack(asked, failed, conversation) {
  if (conversation !== current) return;
  box.value ||= asked;
  if (failed.key === "error_key") {
    key.forget();
    askForKey("error_key");
  } else fail(failed.key, failed.values);
}

/** A message as the gateway reads it. */
function wireForm(message) {
  return { role: message.role, content: message.role === "user" ? message.text : message.content };
}

function setRunning(on) {
  at("send").hidden = on;
  at("stop").hidden = !on;
  log.setAttribute("aria-busy", String(on));
  if (on) at("status").textContent = say("answering");
}

function fail(name, values) {
  at("composer-error").hidden = !name;
  at("composer-error").textContent = name ? say(name, values) : "";
}

function toEnd() {
  scroll.scrollTop = scroll.scrollHeight;
}

function openPassage(id) {
  return showPassage(readPassage(id, key.read()), portal.nation.language);
}

function askForKey(error) {
  at("key-error").hidden = !error;
  at("key-error").textContent = error ? say(error) : "";
  at("key-input").value = "";
  if (!at("key").open) at("key").showModal();
}

function takeKey(event) {
  event.preventDefault();
  key.set(at("key-input").value.trim());
  at("key").close();
  box.focus();
}

function closeFromOutside(event) {
  if (event.target === event.currentTarget) event.currentTarget.close();
}

function openHistory(open) {
  at("history").classList.toggle("open", open);
  at("history-toggle").setAttribute("aria-expanded", String(open));
}

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
}

function drawTheme() {
  at("theme-switch").textContent = say(dark() ? "theme_light" : "theme_dark");
}

function switchTheme() {
  const theme = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("sejong.theme", theme);
  drawTheme();
}
