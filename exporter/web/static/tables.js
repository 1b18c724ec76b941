// Small tables and lists of facts, of which the detail pages are made.

import { h } from "./dom.js";

/** `rows`: lists of cells, the first of which names the row. A cell is a node, a text, or a list of both. */
export function table(caption, head, rows) {
  const cells = (row) => row.map((cell, at) => h(at ? "td" : "th", at ? { "data-label": head[at] } : { scope: "row" }, ...[cell].flat()));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: "plain" }, h("caption", { class: "unseen" }, caption),
      h("thead", null, h("tr", null, ...head.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", null, ...rows.map((row) => h("tr", null, ...cells(row))))));
}

export const panel = (title, className, ...content) => h("section", { class: `panel ${className}`.trim() }, h("h2", null, title), ...content);

/** [label, value] pairs; those without a value are left out. */
export const facts = (pairs) =>
  h("dl", { class: "list" }, ...pairs.filter((pair) => pair && pair[1] !== null && pair[1] !== undefined && pair[1] !== "")
    .map(([label, value]) => h("div", null, h("dt", null, label), h("dd", null, ...[value].flat()))));
