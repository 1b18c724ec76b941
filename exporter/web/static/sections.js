// The parts of a system's page, each made of what /api/v1/systems/NAME tells.

import { english, h, icon, name, path } from "./dom.js";
import { level } from "./live.js";
import { facts, panel, table } from "./tables.js";
import { extent, legend, strip, verdict } from "./timeline.js";
import { atMost, bytes, dateTime, day, duration, goal, money, number, percent, remaining, t, upTo, word } from "./text.js";

const PHASE_NAMES = ["resolve", "connect", "tls", "processing", "transfer"];
const sign = (up) => icon(up ? "yes" : up === false ? "no" : "dunno", up ? "good" : up === false ? "bad" : "quiet");
const yes = (flag) => (flag === null || flag === undefined ? [sign(null), " ", t("unknown")] : [sign(flag), " ", t(flag ? "yes" : "no")]);
export const age = (unix, now) => duration(Math.max(0, now - unix), 1);
const ago = (unix, now) => (unix === null || unix === undefined ? t("never") : t("ago", { time: age(unix, now) }));
/** The same text can wear what moves without being drawn anew: its node is written each second. */
const aging = (unix, now) => h("time", { class: "aging", datetime: new Date(unix * 1000).toISOString(), "data-at": unix }, age(unix, now));

function phases(part) {
  if (!part.phases) return null;
  const known = PHASE_NAMES.filter((one) => typeof part.phases[one] === "number");
  const total = known.reduce((sum, one) => sum + part.phases[one], 0) || 1;
  const bar = h("span", { class: "phases", title: known.map((one) => `${word("look", one)} ${duration(part.phases[one], 4)}`).join(", ") });
  for (const one of known) {
    const piece = h("i", { class: one });
    piece.style.flexGrow = part.phases[one] / total;
    bar.append(piece);
  }
  return known.length ? bar : null;
}

function look(part) {
  if (!part) return ["–"];
  const state = part.up === null ? t("never_looked") : part.up ? t("works") : word("reason", part.reason ?? "unknown");
  return [
    h("div", { class: "look" }, sign(part.up), h("b", null, state), part.seconds === null ? null : h("span", { class: "quiet" }, duration(part.seconds, 4))),
    phases(part),
    part.detail ? h("p", { class: "quiet" }, english(part.detail)) : null,
    part.target ? h("p", { class: "target" }, name(part.target)) : null,
  ].filter(Boolean);
}

export function sites(system) {
  const components = [...new Set(system.sites.flatMap((site) => Object.keys(site.components)))].sort();
  const head = [t("component"), ...system.sites.map((site) => `${site.name} · ${word("role", site.role)}${site.serving ? ` · ${t("serving")}` : ""}`)];
  const rows = components.map((component) => [name(component), ...system.sites.map((site) => look(site.components[component]))]);
  const shares = Object.entries(system.traffic_share ?? {}).map(([site, share]) => `${site} ${percent(share)}`).join(", ");
  return panel(t("sec.sites"), "wide", table(t("sec.sites"), head, rows), shares ? h("p", { class: "quiet" }, `${t("traffic")}: `, name(shares)) : null);
}

export function readiness(system) {
  const standbys = system.sites.filter((site) => Object.keys(site.checks).length);
  if (!standbys.length) return null;
  const checks = [...new Set(standbys.flatMap((site) => Object.keys(site.checks)))];
  const rows = checks.map((check) => [word("check", check), ...standbys.map((site) => yes(site.checks[check]))]);
  rows.unshift([h("b", null, t("ready")), ...standbys.map((site) => yes(site.ready))]);
  return panel(t("sec.readiness"), "", table(t("sec.readiness"), [t("check"), ...standbys.map((site) => site.name)], rows));
}

export function points(system, now) {
  if (!system.recovery_points.length) return null;
  const rows = system.recovery_points.map((point) => [
    [h("b", null, name(point.site)), " ", name(point.component), h("p", { class: "quiet" }, word("source", point.source))],
    point.at === null ? t("nothing_proven") : [t("proven_until"), " ", aging(point.at, now)],
    point.refuted ? [icon("no", "bad"), " ", t("refuted")] : point.decides ? [icon("serving", "good"), " ", t("decides")] : "",
    typeof point.lag_bytes === "number" ? bytes(point.lag_bytes) : "–",
  ]);
  return panel(t("sec.points"), "", table(t("sec.points"), [t("source"), t("recovery_point"), t("state"), t("lag")], rows));
}

export function backups(system, now) {
  const all = Object.entries(system.backups);
  if (!all.length) return null;
  const rows = all.map(([backup, told]) => [
    [h("b", null, name(backup)), told.site ? h("p", { class: "quiet" }, name(told.site)) : null].filter(Boolean),
    told.recovery_point === null ? t("nothing_proven") : ago(told.recovery_point, now),
    told.last_verified === null ? t("never") : ago(told.last_verified, now),
    [told.versions === null ? t("unknown") : number(told.versions), told.size_bytes ? ` · ${bytes(told.size_bytes)}` : ""],
    yes(told.encrypted),
    yes(told.immutable),
    told.complaint ? [icon("no", "bad"), " ", english(told.complaint)] : told.reason ? [icon("no", "bad"), " ", word("reason", told.reason)] : [icon("yes", "good"), " ", t("in_order")],
  ]);
  return panel(t("sec.backups"), "wide", table(t("sec.backups"), [t("backup"), t("recovery_point"), t("restore_verified"), t("versions"), t("encrypted"), t("immutable"), t("state")], rows));
}

export function parity(system) {
  const all = Object.entries(system.parity);
  if (!all.length) return null;
  const rows = all.map(([check, told]) => [
    [h("b", null, name(check)), h("p", { class: "quiet" }, name(told.component))],
    told.match === null ? [sign(null), " ", t("unknown")] : [sign(told.match), " ", t(told.match ? "alike" : "different")],
    Object.entries(told.sites).map(([site, one]) => h("p", null, name(site), " ", one.number === null ? word("reason", one.reason ?? "") : upTo(one.number, 3), one.difference ? ` (Δ ${upTo(one.difference, 3)})` : "")),
  ]);
  return panel(t("sec.parity"), "", table(t("sec.parity"), [t("check"), t("state"), t("sites")], rows));
}

export function kpis(system) {
  const all = Object.entries(system.kpis);
  if (!all.length) return null;
  const rows = all.map(([kpi, told]) => [
    h("b", null, name(kpi)),
    told.value === null ? t("unknown") : upTo(told.value, 2),
    told.normal === null ? t("unknown") : upTo(told.normal, 2),
    told.at_least === null ? t("no_objective") : t("at_least", { share: percent(told.at_least) }),
    told.low === null ? "–" : [sign(!told.low), " ", t(told.low ? "low" : "in_order")],
  ]);
  return panel(t("sec.kpis"), "", table(t("sec.kpis"), [t("figure"), t("now"), t("normal"), t("objective"), t("state")], rows));
}

export function dependencies(system) {
  const all = Object.entries(system.dependencies);
  return all.length ? panel(t("sec.dependencies"), "", table(t("sec.dependencies"), [t("dependency"), t("state")], all.map(([one, part]) => [h("b", null, name(one)), look(part)]))) : null;
}

export function promises(system, now) {
  const { objectives, budget, cost, drill, proof } = system;
  const runs = drill ? [icon("drill"), " ", t(drill.expired ? "drill.expired" : drill.type === "maintenance" ? "maintenance" : "drill"), " ", name(drill.operator ?? ""), drill.reason ? [": ", name(drill.reason)] : [], drill.expires ? ` · ${t("until", { time: dateTime(drill.expires) })}` : ""].flat() : null;
  return panel(t("sec.promises"), "", facts([
    [t("rto.objective"), objectives.rto === null ? t("none") : goal(objectives.rto)],
    ...Object.entries(objectives.rpo).map(([scenario, seconds]) => [`${t("rpo.objective")} · ${word("scenario", scenario)}`, goal(seconds)]),
    [t("availability"), objectives.availability === null ? null : percent(objectives.availability, 4)],
    [t("budget"), budget ? h("span", { class: budget.left_seconds < 0 ? "bad" : null }, t("budget.left", { left: remaining(budget.left_seconds), used: duration(budget.downtime_seconds, 0), window: goal(budget.window_seconds) })) : null],
    [t("cost.total"), cost?.total !== undefined ? money(cost.total, cost.currency) : null],
    [t("drill.every"), objectives.drill_every ? goal(objectives.drill_every) : null],
    [t("proof"), proof ? [word("proof", proof.state), proof.at ? ` · ${ago(proof.at, now)}` : "", proof.incident ? [" · ", h("a", { href: path("incidents", proof.incident) }, t("title.incident"))] : []].flat() : null],
    [t("drill"), runs],
  ]));
}

/** Who decides; what was confirmed long ago, or never, says so. */
export function contacts(all) {
  if (!all?.length) return null;
  const rows = all.map((one) => [h("b", null, name(one.name)), name(one.who), one.deputies.flatMap((deputy, at) => [at ? ", " : "", name(deputy)]), [sign(!one.stale), " ", one.confirmed ? day(Date.parse(one.confirmed) / 1000) : t("never")]]);
  return panel(t("sec.contacts"), "", table(t("sec.contacts"), [t("contact"), t("who"), t("deputies"), t("confirmed")], rows));
}

const STANDINGS = { proven: ["yes", "good"], stale: ["dunno", "warn"], missing: ["dunno", "quiet"], failed: ["no", "bad"] };
/** What details name, in the page's own words where it has them. */
const NAMED = { objectives_lacking: { rto: "rto.objective", rpo_site_loss: "rpo.objective", availability: "availability", drill_every: "drill.every" } };

function reason(line) {
  const details = line.details.map((one) => {
    if (["rto_measured", "rpo_measured"].includes(line.check)) return h("a", { href: path("incidents", one) }, t("title.incident"));
    return NAMED[line.reason]?.[one] ? t(NAMED[line.reason][one]) : name(one);
  });
  return [word("why", line.reason), details.length ? ": " : "", ...details.flatMap((one, at) => [at ? ", " : "", one])];
}

/** Line by line what is proven and what is not; never a sum of them. */
export function checklist(lines) {
  if (!lines?.length) return null;
  const rows = lines.map((line) => [
    word("checklist", line.check),
    h("span", { class: `standing ${STANDINGS[line.standing]?.[1] ?? ""}` }, icon(STANDINGS[line.standing]?.[0] ?? "dunno"), word("standing", line.standing)),
    [...reason(line), line.at === null ? "" : h("span", { class: "quiet" }, ` · ${day(line.at)}`)],
  ]);
  return panel(t("sec.checklist"), "", table(t("sec.checklist"), [t("check"), t("state"), t("checklist.why")], rows));
}

export function incidents(all, now) {
  if (!all.length) return panel(t("sec.incidents"), "wide", h("p", { class: "quiet" }, t("no_incidents")));
  const most = 1.02 * Math.max(...all.map((incident) => extent(incident, now)));
  const rows = all.map((incident) => [
    [h("a", { href: path("incidents", incident.id) }, word("kind", incident.kind)), incident.drill ? [" ", h("span", { class: "badge" }, icon("drill"), t("drill"))] : [], h("p", { class: "quiet" }, dateTime(incident.start.estimate))].flat(),
    incident.rto ? h("b", null, atMost(incident.rto.upper)) : h("b", null, t(incident.open ? "inc.running" : "unmeasured")),
    incident.rpo ? atMost(incident.rpo.upper) : t("unmeasured"),
    strip(incident, most),
    verdict(incident.verdicts.rto),
    verdict(incident.verdicts.rpo),
  ]);
  return panel(t("sec.incidents"), "wide", table(t("sec.incidents"), [t("inc.what"), "RTO", "RPO", t("inc.phases"), t("inc.rto_verdict"), t("inc.rpo_verdict")], rows), legend());
}

/** Runbooks for what is wrong now, by the names of the alerts; they are pages of the exporter itself. */
export function runbooks(system, all) {
  const rpo = Object.entries(system.rpo).map(([scenario, told]) => [told, system.objectives.rpo[scenario]]);
  const ready = system.sites.filter((site) => !site.serving).map((site) => site.ready);
  const wrong = {
    DrOutage: system.rto_seconds > 0,
    DrStateUnknown: system.state === "unknown",
    DrSplitBrain: system.events.includes("split_brain"),
    DrNoPrimary: system.events.includes("no_primary"),
    DrStuckSwitch: system.events.includes("stuck_switch"),
    DrRpoBreach: rpo.some(([told, goal]) => told.known && level(told.seconds, goal) === "over"),
    DrRpoUnknown: rpo.some(([told]) => !told.known),
    DrStandbyNotReady: ready.includes(false) && !ready.includes(true),
    DrReplicationBroken: system.recovery_points.some((point) => point.refuted),
    DrParityMismatch: Object.values(system.parity).some((one) => one.match === false),
    DrKpiBelowNormal: Object.values(system.kpis).some((one) => one.low),
    DrBackupTooOld: Object.values(system.backups).some((one) => one.complaint),
    DrEstimateMissesObjective: level(system.rto_estimate_seconds, system.objectives.rto) === "over",
    DrErrorBudgetBurn: system.budget?.left_seconds < 0,
    DrDrillExpired: Boolean(system.drill?.expired),
    DrDrillOverdue: system.proof?.state === "stale",
    DrContactStale: Boolean(all?.some((one) => one.stale)),
  };
  const links = Object.keys(wrong).filter((alert) => wrong[alert]).map((alert) => h("li", null, h("a", { href: path("runbooks", alert) }, alert)));
  return panel(t("runbooks"), "", h("ul", { class: "links" }, ...links, h("li", null, h("a", { class: "quiet", href: "/runbooks/" }, t("runbooks.all")))));
}
