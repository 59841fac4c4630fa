// A small part of Markdown, as DOM nodes. Text only ever becomes text nodes, so nothing in it can become markup;
// links, images and HTML stay the characters they are.

/** Nodes for `text`: paragraphs, headings (as bold lines), lists, quotations, fenced code; bold, italic and code inside. */
export function markdown(text) {
  const nodes = [];
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  for (let at = 0; at < lines.length; ) {
    const [node, next] = block(lines, at);
    if (node) nodes.push(node);
    at = next;
  }
  return nodes;
}

function block(lines, at) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  if (line.startsWith("```")) return fence(lines, at);
  const heading = /^#{1,6}\s+(.*)$/.exec(line);
  if (heading) return [element("p", [element("strong", inline(heading[1]))]), at + 1];
  for (const [pattern, list] of [[/^\s*[-*•]\s+(.*)$/, "ul"], [/^\s*\d{1,9}[.)]\s+(.*)$/, "ol"]]) {
    if (pattern.test(line)) return items(lines, at, pattern, list);
  }
  return paragraph(lines, at);
}

function fence(lines, at) {
  let end = at + 1;
  while (end < lines.length && !lines[end].startsWith("```")) end += 1;
  return [element("pre", [element("code", [lines.slice(at + 1, end).join("\n")])]), end + 1];
}

function items(lines, at, pattern, list) {
  const found = [];
  let end = at;
  for (let match; end < lines.length && (match = pattern.exec(lines[end])); end += 1) {
    found.push(element("li", inline(match[1])));
  }
  const node = element(list, found);
  if (list === "ol") node.start = Number.parseInt(lines[at], 10);
  return [node, end];
}

function paragraph(lines, at) {
  const nodes = [];
  let end = at;
  for (; end < lines.length && lines[end].trim() && (end === at || !/^(```|#{1,6}\s|\s*[-*•]\s)/.test(lines[end])); end += 1) {
    if (end > at) nodes.push(document.createElement("br"));
    nodes.push(...inline(lines[end]));
  }
  return [element("p", nodes), end];
}

function inline(text) {
  const nodes = [];
  let plain = 0;
  for (const match of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*/g)) {
    if (match.index > plain) nodes.push(text.slice(plain, match.index));
    const [, code, bold, italic] = match;
    nodes.push(code ? element("code", [code]) : element(bold ? "strong" : "em", [bold ?? italic]));
    plain = match.index + match[0].length;
  }
  if (plain < text.length) nodes.push(text.slice(plain));
  return nodes;
}

function element(name, children) {
  const node = document.createElement(name);
  node.append(...children);
  return node;
}
