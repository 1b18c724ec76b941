// One incident as an auditor reads it: what happened when, how well that is known, and what was promised.

import { byId, english, h, icon, name, path, redraw } from "./dom.js";
import { Feed } from "./feed.js";
import { showClock, showExporter, showWorst } from "./frame.js";
import { facts, panel, table } from "./tables.js";
import { markForm } from "./markform.js";
import { legend, measured, steps, waterfall } from "./timeline.js";
import { dateTime, day, digits, duration, number, portion, span, t, word } from "./text.js";

const TICK = 250;
const APART = 1000;
const RARELY = 15_000;

const id = byId("incident").dataset.id;
let [incident, head, askedAt] = [null, null, -Infinity];
const feed = new Feed({ onChange: () => showWorst([...feed.systems.values()], false), onState: () => tick() });

async function refresh() {
  if (performance.now() - askedAt < (!incident || incident.open ? APART : RARELY) || feed.state === "lost") return;
  askedAt = performance.now();
  try {
    const answer = await fetch(`/api/v1/incidents/${encodeURIComponent(id)}`, { signal: AbortSignal.timeout(5000) });
    const told = await answer.json();
    if (!answer.ok) {
      incident = null; // else its clock would go on over what is said instead
      if (answer.status === 404) document.querySelector(".marking")?.remove(); // nothing can be said of it either
      return redraw(byId("incident"), told, () => [h("p", { class: "empty" }, english(told.error))]);
    }
    if (!head || told.open !== incident?.open) head = await (await fetch("/api/v1/ledger/head", { signal: AbortSignal.timeout(5000) })).json();
    incident = told;
  } catch {
    return; // the feed says that nobody answers
  }
  show();
}

function show() {
  const now = feed.now() ?? incident.start.upper;
  redraw(byId("crumb"), incident.system, () => [h("a", { href: path("systems", incident.system) }, name(incident.system))]);
  redraw(byId("incident"), [incident, incident.open ? Math.floor(2 * now) : head], () => [
    summary(), h("div", { class: "figures" }, ...figures(now)),
    panel(t("inc.timeline"), "wide", waterfall(incident, now), legend(), durations()),
    h("div", { class: "masonry" }, evidence(), ...marks()), ledger(),
  ]);
  if (incident.marks && !document.querySelector(".marking")) byId("incident").after(markForm(id, (told) => ((incident = told), show())));
  byId("incident").removeAttribute("aria-busy");
}

function summary() {
  const moved = incident.from_site !== incident.to_site
    ? [" · ", name(incident.from_site || "–"), h("span", { "aria-label": t("inc.to") }, " → "), name(incident.to_site || "–")] : [];
  const badges = [
    incident.open ? h("span", { class: "badge live" }, icon("outage"), t("inc.running")) : null,
    incident.drill ? h("span", { class: "badge" }, icon("drill"), t("drill"), " ", name(incident.drill)) : null,
    incident.maintenance ? h("span", { class: "badge" }, icon("drill"), t("maintenance"), " ", name(incident.maintenance)) : null,
    incident.inferred ? h("span", { class: "badge blind" }, t("inferred")) : null,
    incident.classification && incident.classification.effective !== incident.classification.original ? h("span", { class: "badge" }, word("classified", incident.classification.effective)) : null,
  ];
  return h("header", { class: "summary" },
    h("p", { class: "kind" }, h("b", null, word("kind", incident.kind)), ...moved),
    h("p", null, incident.end ? span(incident.start.estimate, incident.end.estimate) : dateTime(incident.start.estimate)),
    incident.cause ? h("p", { class: "cause" }, h("span", { class: "label" }, `${t("cause")} `), english(incident.cause)) : null,
    h("p", { class: "badges" }, ...badges));
}

function figures(now) {
  const { objectives, verdicts, markers } = incident;
  const rto = incident.rto ? measured("RTO", incident.rto, objectives.rto, verdicts.rto) : running(now);
  const rpo = measured("RPO", incident.rpo, objectives.rpo_site_loss, verdicts.rpo, incident.rpo_source ? word("source", incident.rpo_source) : null);
  const counts = panel(t("markers"), "measured", markers
    ? facts([[t("markers.lost"), h("b", { class: markers.lost ? "bad" : "good" }, number(markers.lost))], [t("markers.surviving"), number(markers.surviving)], [t("markers.indeterminate"), number(markers.indeterminate)]])
    : h("p", { class: "quiet" }, t("unmeasured")));
  return [rto, rpo, counts];
}

function running(now) {
  const seconds = Math.max(0, now - incident.start.lower);
  const goal = incident.objectives.rto;
  const left = goal === null || goal === undefined ? null : goal - seconds;
  return h("section", { class: "panel measured bad" }, h("h2", null, "RTO"),
    h("p", { class: "label" }, left === null ? t("rto.down") : left >= 0 ? t("rto.left") : t("rto.gone")),
    h("p", { class: "figure" }, h("b", { role: "timer" }, left === null ? digits(seconds) : left >= 0 ? digits(left) : `+${digits(-left)}`)),
    h("p", { class: "quiet" }, goal === null || goal === undefined ? t("no_objective") : t("rto.of", { down: duration(seconds, 0), objective: duration(goal, 0) })));
}

const durations = () =>
  facts(steps(incident).map(([step, took]) => [t(`step.${step}`), duration(took, 3)]));

function evidence() {
  const { expected, rto } = { expected: incident.expected_rto_seconds, rto: incident.rto };
  return panel(t("evidence"), "", facts([
    [t("inc.id"), h("code", null, incident.id)],
    [t("system"), name(incident.system)],
    [t("declared"), t(incident.declared ? "yes" : "no")],
    ...Object.entries(incident.objectives).map(([key, value]) => [`${t("objective_then")} · ${word("objective", key)}`, value === null ? t("none") : duration(value, 0)]),
    [t("rpo_source"), incident.rpo_source ? word("source", incident.rpo_source) : t("unmeasured")],
    [t("functional_least"), incident.functional_ratio === null || incident.functional_ratio === undefined ? t("unmeasured") : portion(incident.functional_ratio)],
    [t("split_brain"), incident.split_brain_seconds ? duration(incident.split_brain_seconds) : t("none")],
    [t("blind_seconds"), incident.blind_seconds ? duration(incident.blind_seconds) : t("none")],
    [t("expected"), expected === null || expected === undefined ? t("unknown") : [duration(expected, 1), rto ? ` (${t("error_of", { error: duration(Math.abs(expected - rto.estimate), 1) })})` : ""].join("")],
    [t("inc.events"), incident.events?.length ? incident.events.map((event) => word("kind", event)).join(", ") : null],
    [t("counted"), incident.counted === undefined ? null : t(incident.counted ? "yes" : "no")],
    incident.n ? [t("record"), number(incident.n)] : null,
  ]));
}

/** What people told of it: decisions, notes, corrective actions, sign-offs. */
function* marks() {
  const all = incident.marks ?? [];
  const of = (...kinds) => all.filter((mark) => kinds.includes(mark.kind));
  const done = new Set(all.map((mark) => mark.done).filter(Boolean));
  const said = of("decided", "validated", "note", "reclassified");
  if (said.length) yield panel(t("marks"), "", table(t("marks"), [t("inc.when"), t("marks.what"), t("marks.by"), t("marks.text")], said.map((mark) =>
    [dateTime(mark.at), word("mark", mark.kind), name(mark.by), [mark.as ? `${word("classified", mark.as)}: ` : "", name(mark.text ?? mark.reason ?? mark.under ?? "")]])));
  const actions = of("action").filter((mark) => !mark.done);
  yield panel(t("actions"), "", actions.length ? table(t("actions"), [t("marks.text"), t("owner"), t("due"), t("state")], actions.map((mark) =>
    [name(mark.text), name(mark.owner), mark.due ? day(Date.parse(`${mark.due}T00:00:00`) / 1000) : "–", done.has(mark.id) ? [icon("yes", "good"), " ", t("done")] : [icon("dunno"), " ", t("open")]])) : h("p", { class: "quiet" }, t("none")));
  const signed = of("sign_off");
  yield panel(t("sign_off"), "signed", signed.length ? table(t("sign_off"), [t("marks.by"), t("marks.role"), t("inc.when"), t("marks.text")], signed.map((mark) =>
    [name(mark.by), name(mark.role ?? ""), dateTime(mark.at), name(mark.text ?? "")])) : h("p", { class: "quiet" }, t("not_signed")), h("div", { class: "signature" }, h("span", null, t("marks.by")), h("span", null, t("marks.role")), h("span", null, t("date"))));
}

const ledger = () =>
  h("p", { class: "quiet ledger" }, t("ledger_head"), " ", head ? [number(head.number), ": "].join("") : t("unknown"), head ? h("code", null, head.hash) : null);

function tick() {
  const now = feed.now();
  showExporter(feed.exporter, feed.state, (performance.now() - feed.heardAt) / 1000, now);
  if (feed.state === "lost") return showWorst([...feed.systems.values()], true);
  if (now === null) return;
  showClock(now);
  if (incident?.open) show();
  refresh();
}

byId("print").addEventListener("click", () => window.print());
setInterval(tick, TICK);
feed.run("");
