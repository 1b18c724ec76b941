// What every page has: the worst state in header, title and icon; the exporter's own health; its clock; the language.

import { byId, english, h, icon, isolate, mark, redraw, say } from "./dom.js";
import { level, rank, SIGN, WORST_FIRST } from "./live.js";
import { clock, duration, number, t, word } from "./text.js";

const YEAR = 365 * 86400;
const title = document.title;

/** Worst state of all that is shown: header, counts, title, favicon. `lost`: nobody answers. */
export function showWorst(items, lost, { heading = true } = {}) {
  const counts = new Map(WORST_FIRST.map((state) => [state, 0]));
  for (const item of items) counts.set(item.state, (counts.get(item.state) ?? 0) + 1);
  const worst = WORST_FIRST.find((state) => counts.get(state)) ?? "unknown";
  const drills = items.filter((item) => item.drill).length;
  const over = items.filter((item) => Object.entries(item.rpo).some(([scenario, rpo]) => rpo.known && level(rpo.seconds, item.objectives.rpo[scenario]) === "over")).length;
  redraw(byId("counts"), [[...counts], drills, over], () => [
    ...WORST_FIRST.filter((state) => counts.get(state)).map((state) =>
      h("li", { class: state }, icon(state), h("b", null, number(counts.get(state))), " ", h("span", { class: "word" }, word("state", state)))),
    over ? h("li", { class: "over" }, icon("no", "bad"), h("b", null, number(over)), " ", h("span", { class: "word" }, t("over_rpo"))) : null,
    drills ? h("li", { class: "drills" }, icon("drill"), h("b", null, number(drills)), " ", h("span", { class: "word" }, t("drill"))) : null,
  ]);
  if (heading) {
    const sentence = !items.length ? t("empty") : worst === "healthy" ? t("all_well", { count: number(items.length) })
      : t("some", { count: number(counts.get(worst)), all: number(items.length) });
    redraw(byId("worst"), [worst, sentence], () => [
      icon(worst), h("span", { class: "words" }, h("b", null, word("state", worst)), h("small", null, sentence))]);
    mark(byId("worst"), "class", `worst ${worst}`);
  }
  const first = lost ? `✕ ${t("lost.short")}` : `${SIGN[worst]} ${number(counts.get(worst))} ${word("state", worst)}`;
  const words = `${first} — ${title}`;
  if (document.title !== words) document.title = words;
  mark(byId("favicon"), "href", `/static/icon-${lost ? "lost" : worst}.svg`);
}

/** Warnings about the exporter itself; `age`: seconds since anything was heard of it, where the connection is lost. `missing`: why
 * what the page is about is no longer told, though the exporter is there. */
export function showExporter(exporter, state, age, now, missing = null) {
  const warnings = [];
  if (state === "lost") warnings.push(["lost", t("lost", { age: duration(Math.floor(age), 0) })]);
  if (exporter) {
    say(byId("vantage"), exporter.vantage);
    say(byId("version"), exporter.version);
    warnings.push(...troubles(exporter, now));
  }
  const well = exporter && state !== "lost" && !warnings.length;
  if (missing) warnings.push(["missing", missing]);
  redraw(byId("warnings"), warnings, () => warnings.map(([kind, text, detail]) =>
    h("p", { class: `warning ${kind}` }, icon(kind === "lost" ? "outage" : "degraded"), h("span", null, text, detail ? " " : null, detail ? english(detail) : null))));
  mark(byId("main"), "class", state === "lost" || missing ? "stale" : null);
  redraw(byId("health"), [well, state], () => [
    icon(well ? "yes" : "no", well ? "good" : "bad"), " ", state === "lost" ? t("lost.short") : well ? t(state === "live" ? "self.live" : "self.polling") : state === "waiting" ? t("loading") : t("self.trouble")]);
}

function* troubles(exporter, now) {
  if (exporter.blind_since) yield ["blind", t("warn.blind", { time: duration(Math.max(0, Math.floor(now - exporter.blind_since)), 0) })];
  if (exporter.ledger_writable === false) yield ["ledger", t("warn.ledger", { count: number(exporter.ledger_waiting) })];
  if (exporter.reload_ok === false) yield ["reload", t("warn.reload"), exporter.reload_error];
  const dead = Object.entries(exporter.references ?? {}).filter(([, up]) => !up).map(([target]) => isolate(target));
  if (dead.length && !exporter.blind_since) yield ["references", t("warn.references", { targets: dead.join(", ") })];
}

/** The exporter's time, in the time zone of whoever looks. */
export function showClock(now) {
  if (now === null || now > YEAR * 8000) return;
  const shown = byId("clock");
  say(shown, clock(now));
  mark(shown, "datetime", new Date(now * 1000).toISOString().slice(0, 19) + "Z");
  if (!byId("zone").firstChild) {
    say(byId("zone"), new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts().find((part) => part.type === "timeZoneName").value);
  }
}

const NAMES = new Intl.Collator(document.documentElement.lang, { numeric: true });

export const byBadness = (strain) => (a, b) =>
  rank(a) - rank(b) || strain.get(b.name) - strain.get(a.name) || NAMES.compare(a.name, b.name);

/** The language stays chosen: for this browser, in a cookie that only says which. */
byId("language").addEventListener("change", ({ target }) => {
  document.cookie = `lang=${target.value}; path=/; max-age=31536000; samesite=strict`;
  const url = new URL(location.href);
  url.searchParams.delete("lang");
  location.replace(url);
  if (url.href === location.href) location.reload();
});
