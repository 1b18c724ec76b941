// An incident as a picture: its phases one after the other, and its bounds as error bars against the objective.

import { h, icon } from "./dom.js";
import { duration, exactly, goal, t, within, word } from "./text.js";

export const PHASES = ["last_good", "first_bad", "declared", "decided", "role_moved", "first_good", "validated", "stable", "failback_started", "failback_done"];
const STEPS = ["declared", "decided", "role_moved", "served", "stable"];
const GRADE = { met: "good", missed: "bad", not_proven: "warn", no_objective: "" };
const SIGNS = { met: "yes", missed: "no", not_proven: "dunno", no_objective: "dunno" };

/** A span of a picture, from 0 to 1 of its width; it turns around with the writing direction. */
export function span(className, from, to) {
  const made = h("i", { class: className });
  made.style.insetInlineStart = `${(100 * from).toFixed(2)}%`;
  if (to !== undefined) made.style.inlineSize = `${(100 * Math.max(0, to - from)).toFixed(2)}%`;
  return made;
}

export const verdict = (value) =>
  h("span", { class: `verdict ${GRADE[value] ?? ""}` }, icon(SIGNS[value] ?? "dunno"), h("span", null, word("verdict", value)));

/** Estimate, bounds and objective on one line. */
export function whisker(value, objective) {
  const most = 1.08 * Math.max(value.upper, objective ?? 0, 0.001);
  const parts = [span("range", value.lower / most, value.upper / most), span("best", value.estimate / most)];
  if (objective !== null && objective !== undefined) parts.push(span("goal", objective / most));
  return h("div", { class: "whisker", "aria-hidden": "true" }, ...parts);
}

/** What took how long: [phase that ended it, seconds], in the order in which it happened. */
export function steps(incident) {
  const at = { ...incident.phases, served: incident.phases.first_good ?? incident.end?.estimate ?? null };
  const known = STEPS.filter((name) => typeof at[name] === "number" && at[name] >= incident.start.estimate).sort((a, b) => at[a] - at[b]);
  let before = incident.start.estimate;
  return known.map((name) => {
    const took = at[name] - before;
    before = at[name];
    return [name, took];
  });
}

/** The steps as one bar, with the uncertainty of start and end above it. `most`: seconds of the whole width. */
export function strip(incident, most) {
  const zero = incident.start.lower;
  const place = (unix) => Math.min(1, Math.max(0, (unix - zero) / most));
  const bar = h("div", { class: "strip", "aria-hidden": "true" });
  let at = incident.start.estimate;
  for (const [name, took] of steps(incident)) {
    bar.append(span(`step ${name}`, place(at), place(at + took)));
    at += took;
  }
  for (const bounds of [incident.start, incident.end]) if (bounds) bar.append(span("error", place(bounds.lower), place(bounds.upper)));
  return bar;
}

export const legend = () =>
  h("ul", { class: "legend" }, ...STEPS.map((name) => h("li", null, h("i", { class: `step ${name}` }), t(`step.${name}`))), h("li", null, h("i", { class: "error" }), t("step.error")));

/** Seconds that the picture of an incident is wide. */
export function extent(incident, now) {
  const ends = [incident.end?.upper, incident.open ? now : null, ...Object.values(incident.phases)].filter((at) => typeof at === "number");
  return Math.max(0.001, ...ends.map((at) => at - incident.start.lower));
}

const offset = (seconds) => `${seconds < 0 ? "−" : "+"}${duration(Math.abs(seconds), 3)}`;

/** Each phase as a row: when, how long after the start, and where on the axis. What was not observed says so. */
export function waterfall(incident, now) {
  const zero = incident.start.lower;
  const most = 1.02 * extent(incident, now);
  const place = (unix) => (unix - zero) / most;
  const row = (className, label, when, after, ...drawn) =>
    h("tr", { class: className }, h("th", { scope: "row" }, label), h("td", { class: "when" }, when), h("td", { class: "after" }, after), h("td", { class: "axis", "aria-hidden": "true" }, h("div", null, ...drawn)));
  const uncertain = (label, bounds) =>
    row("bounds", label, `${exactly(bounds.lower)} – ${exactly(bounds.upper)}`, `± ${duration((bounds.upper - bounds.lower) / 2, 3)}`,
      span("error", place(bounds.lower), place(bounds.upper)), span("best", place(bounds.estimate)));
  const rows = [uncertain(t("inc.start"), incident.start)];
  let before = zero;
  for (const name of PHASES) {
    const at = incident.phases[name];
    if (typeof at !== "number") {
      rows.push(row("unseen-phase", word("phase", name), t("unobserved"), ""));
      continue;
    }
    const [from, to] = [Math.min(before, at), Math.max(before, at)];
    rows.push(row("", word("phase", name), exactly(at), offset(at - incident.start.estimate), span(`step ${name}`, place(Math.max(zero, from)), place(Math.max(zero, to))), span("best", place(Math.max(zero, at)))));
    before = Math.max(before, at);
  }
  if (incident.end) rows.push(uncertain(t("inc.end"), incident.end));
  else if (incident.open) rows.push(row("running", t("inc.running"), exactly(now), offset(now - incident.start.estimate), span("step running", place(incident.start.estimate), place(now))));
  const head = [t("inc.phase"), t("inc.when"), t("inc.after")].map((text) => h("th", { scope: "col" }, text));
  return h("table", { class: "waterfall" }, h("caption", { class: "unseen" }, t("inc.timeline")), h("thead", null, h("tr", null, ...head, h("th", { scope: "col" }, t("inc.axis", { span: duration(most, 1) })))), h("tbody", null, ...rows));
}

/** A measured value against its objective: number, bounds, picture and verdict. */
export function measured(label, value, objective, judged, note) {
  const promised = objective === null || objective === undefined ? t("no_objective") : `${t("objective")} ${goal(objective)}`;
  const [lower, upper] = value ? within(value.lower, value.upper) : [];
  return h("section", { class: `panel measured ${GRADE[judged] ?? ""}` },
    h("h2", null, label), verdict(judged),
    h("p", { class: "figure" }, h("b", null, value ? within(value.lower, value.upper, 2)[1] : t("unmeasured")), " ", h("span", { class: "quiet" }, value ? `${t("at_most")} · ` : "", promised)),
    value ? whisker(value, objective) : null,
    h("p", { class: "quiet" }, value ? t("bounds", { lower, estimate: duration(value.estimate, 3), upper }) : null, note ? ` · ${note}` : null));
}
