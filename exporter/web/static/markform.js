// What somebody says of an incident: a decision, a note, a corrective action, a sign-off. Each becomes a record for good.

import { change, field, filled, keeper } from "./act.js";
import { h } from "./dom.js";
import { t, word } from "./text.js";

const FIELDS = {
  decided: ["under", "text"],
  validated: ["text"],
  note: ["text"],
  action: ["text", "owner", "due"],
  sign_off: ["role", "text"],
  reclassified: ["as", "reason"],
};
const NEEDED = { note: ["text"], action: ["text", "owner", "due"], reclassified: ["as", "reason"] };
const CLASSES = ["real", "planned", "third_party", "false_alarm"];

function control(key, needed) {
  if (key === "as") return h("select", { name: key }, ...CLASSES.map((one) => h("option", { value: one }, word("classified", one))));
  return h("input", { name: key, required: needed, maxlength: "1000", type: key === "due" ? "date" : "text", autocomplete: "off" });
}

/** The form; `told` is called with the incident as it is afterwards. */
export function markForm(incident, told) {
  const { field: token, said, tell } = keeper();
  const kind = h("select", { name: "kind" }, ...Object.keys(FIELDS).map((one) => h("option", { value: one }, word("mark", one))));
  const details = h("div", { class: "form" });
  const choose = () =>
    details.replaceChildren(...FIELDS[kind.value].map((key) => field(t(`marks.${key}`), control(key, NEEDED[kind.value]?.includes(key)))));
  const form = h("form", { class: "form" }, field(t("marks.what"), kind), field(t("marks.by"), h("input", { name: "by", required: true, maxlength: "200", autocomplete: "name" })),
    details, field(t("drills.token"), token), h("button", null, t("marks.send")), said);
  kind.addEventListener("change", choose);
  choose();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      told(await change("POST", `/api/v1/incidents/${encodeURIComponent(incident)}/marks`, filled(form)));
      tell(t("marks.sent"), true);
      choose();
    } catch (error) {
      tell(error.message, false);
    }
  });
  return h("details", { class: "panel marking" }, h("summary", null, t("marks.add")), h("p", { class: "quiet" }, t("drills.token_why")), form);
}
