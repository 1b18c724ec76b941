// What changes something: by fetch alone, with the token that somebody typed, which is kept in this page's memory only.

import { h, icon } from "./dom.js";
import { t } from "./text.js";

let token = "";

/** A field for the token, and where the answer is said. */
export function keeper() {
  const field = h("input", { type: "password", autocomplete: "off", spellcheck: "false" });
  field.value = token;
  field.addEventListener("input", () => (token = field.value.trim()));
  const said = h("p", { class: "said", role: "status" });
  const tell = (text, well) => said.replaceChildren(icon(well ? "yes" : "no", well ? "good" : "bad"), " ", text);
  return { field, said, tell };
}

/** Returns the answer's JSON. Throws an Error with the exporter's own sentence when it refuses. */
export async function change(method, where, body) {
  if (!token) throw new Error(t("drills.no_token"));
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const answer = await fetch(where, { method, headers, body: JSON.stringify(body), signal: AbortSignal.timeout(15_000) });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error ?? `HTTP ${answer.status}`);
  return told;
}

/** A labelled field of a form. */
export const field = (label, control) => h("label", null, label, " ", control);

/** The fields that were filled in. */
export const filled = (form) => Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
