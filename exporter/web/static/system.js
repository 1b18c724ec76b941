// One system: the same card as on the wall, and below it everything that is known.

import { Card } from "./card.js";
import { byId, h, redraw, say } from "./dom.js";
import { Feed } from "./feed.js";
import { showClock, showExporter, showWorst } from "./frame.js";
import { exposed } from "./live.js";
import * as sections from "./sections.js";
import { History } from "./spark.js";
import { t } from "./text.js";

const TICK = 250;
const APART = 1000; // ms between two questions for the details
const RARELY = 30_000;
const MAIN = "site_loss";
const WIDE = ["incidents", "sites", "backups"];

const system = byId("system").dataset.name;
const card = new Card(system, "h2");
const past = new History();
let [details, incidents, contacts, lines, askedAt, rareAt, step] = [null, [], null, null, -Infinity, -Infinity, 0];

const feed = new Feed({
  onChange() {
    const item = feed.systems.get(system);
    showWorst(item ? [item] : [], false);
    if (!item) return;
    if (!card.node.isConnected) document.querySelector("#system > .cards").replaceChildren(card.node);
    card.show(item, "hero", past.points(system));
  },
  onState(state) {
    if (state === "live") past.loadSystem(system);
    rareAt = -Infinity;
    tick();
  },
});

async function ask(where) {
  const answer = await fetch(where, { signal: AbortSignal.timeout(5000) });
  return answer.ok ? answer.json() : null;
}

/** The details come at most once a second, incidents, contacts and checklist when something happened or now and then. */
async function refresh() {
  const known = feed.systems.get(system);
  if (!known || feed.state === "lost" || performance.now() - askedAt < APART || document.hidden) return;
  askedAt = performance.now();
  const path = encodeURIComponent(system);
  try {
    const told = await ask(`/api/v1/systems/${path}`);
    if (told) [details, details.at] = [told, performance.now()];
    const happened = JSON.stringify([known.state, known.incident?.id, known.last?.id, known.drill_last, told.sites.map((site) => site.ready)]);
    if (happened !== refresh.happened || performance.now() - rareAt > RARELY) {
      [refresh.happened, rareAt] = [happened, performance.now()];
      incidents = (await ask(`/api/v1/incidents?system=${path}&limit=10`))?.items ?? incidents;
      contacts = (await ask("/api/v1/contacts"))?.items ?? contacts;
      lines = (await ask(`/api/v1/systems/${path}/checklist`))?.items ?? lines;
    }
  } catch {
    return; // the feed says that nobody answers
  }
  show();
}

function show() {
  if (!details) return;
  const now = feed.now();
  const drawn = [
    ["promises", [details.objectives, details.budget, details.cost, details.drill, details.proof], () => sections.promises(details, now)],
    ["readiness", details.sites.map((site) => [site.name, site.ready, site.checks]), () => sections.readiness(details)],
    ["checklist", lines, () => sections.checklist(lines)],
    ["points", details.recovery_points, () => sections.points(details, now)],
    ["incidents", [incidents, incidents.some((one) => one.open) ? Math.floor(now) : 0], () => sections.incidents(incidents, now)],
    ["sites", [details.sites, details.traffic_share], () => sections.sites(details)],
    ["backups", [details.backups, Math.floor(now / 10)], () => sections.backups(details, now)],
    ["parity", details.parity, () => sections.parity(details)],
    ["kpis", details.kpis, () => sections.kpis(details)],
    ["dependencies", details.dependencies, () => sections.dependencies(details)],
    ["runbooks", [Object.values(details.rpo).map((rpo) => [rpo.known, Math.round(rpo.seconds)]), details.state, details.events, details.sites, details.drill, contacts], () => sections.runbooks(details, contacts)],
    ["contacts", contacts, () => sections.contacts(contacts)],
  ];
  const place = byId("sections");
  if (!place.querySelector("[data-part]")) {
    const parts = (wide) => drawn.filter(([part]) => WIDE.includes(part) === wide).map(([part]) => h("div", { "data-part": part }));
    place.replaceChildren(h("div", { class: "masonry" }, ...parts(false)), ...parts(true));
  }
  drawn.forEach(([part, from, make]) => redraw(place.querySelector(`[data-part="${part}"]`), from, () => [make()]));
  place.removeAttribute("aria-busy");
}

function tick() {
  const now = feed.now();
  const item = feed.systems.get(system);
  const gone = feed.exporter && !item; // a reload took it out, or gave it another name: what is shown is no longer so
  showExporter(feed.exporter, feed.state, (performance.now() - feed.heardAt) / 1000, now, gone ? t("missing.system") : null);
  if (feed.state === "lost") return showWorst(item ? [item] : [], true);
  showClock(now);
  if (!item) return;
  const age = feed.age(item);
  card.tick(item, age, now);
  if (item.rpo[MAIN]?.known) past.push(system, now, exposed(item, item.rpo[MAIN], age));
  if (Math.floor(now / past.step) !== step) card.redraw(item, past.points(system));
  step = Math.floor(now / past.step);
  for (const node of document.querySelectorAll(".aging")) say(node, sections.age(Number(node.dataset.at), now));
  refresh();
}

setInterval(tick, TICK);
feed.run(`?${new URLSearchParams({ system })}`);
