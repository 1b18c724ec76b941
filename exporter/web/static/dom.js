// Building what is shown. Whatever comes from outside becomes a text node or an attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);

/** A name from outside: its writing direction must not leak into its surroundings. */
export const name = (text) => h("bdi", null, text ?? "");
/** The exporter's own sentences are English, whatever the page speaks. */
export const english = (text) => h("bdi", { lang: "en" }, text ?? "");
/** A name inside of a sentence of ours, between marks that isolate its direction. */
export const isolate = (text) => `\u2068${text}\u2069`;

export const icon = (id, className = "") =>
  s("svg", { class: `icon ${className}`.trim(), "aria-hidden": "true" }, s("use", { href: `#i-${id}` }));

/** Writes only what differs: an untouched node costs no layout. */
export function say(node, text) {
  if (node.firstChild?.nodeType === Node.TEXT_NODE && !node.firstChild.nextSibling) {
    if (node.firstChild.data !== text) node.firstChild.data = text;
  } else node.textContent = text;
}

export function mark(node, attribute, value) {
  if (value === null || value === false) {
    if (node.hasAttribute(attribute)) node.removeAttribute(attribute);
  } else if (node.getAttribute(attribute) !== String(value)) node.setAttribute(attribute, value);
}

/** Replaces the children only if what they are made of has changed, so that a selection and the focus survive. */
export function redraw(node, from, make) {
  const made = JSON.stringify(from);
  if (node.made === made) return;
  node.made = made;
  node.replaceChildren(...make().filter(Boolean));
}

export const path = (kind, text) => `/${kind}/${encodeURIComponent(text)}`;
