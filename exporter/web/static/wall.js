// The wall: one card a system, the worst first, as large as the screen allows.

import { Card } from "./card.js";
import { levels, scale } from "./density.js";
import { byId, isolate, mark, say } from "./dom.js";
import { Feed } from "./feed.js";
import { byBadness, showClock, showExporter, showWorst } from "./frame.js";
import { listen } from "./keys.js";
import { exposed, strain, troubled } from "./live.js";
import { alarm } from "./sound.js";
import { History } from "./spark.js";
import { t } from "./text.js";

const TICK = 250;
const SELDOM = 4; // ticks after which a small card writes its number anew, unless its countdown runs
const SMALL = ["small", "tiny"];
const FILTERS = ["tier", "site", "system"];
const MAIN = "site_loss";

const cards = new Map();
const changed = new Set();
const past = new History();
let [searched, planned, sizes, drawn, measured, ticks] = ["", false, null, 0, null, 0];

const feed = new Feed({
  onChange(names, before, whole) {
    for (const name of names) {
      changed.add(name);
      const [old, fresh] = [before.get(name), feed.systems.get(name)];
      if (fresh.state === "outage" && old && old.state !== "outage") {
        alarm();
        say(byId("announce"), t("announce", { name: isolate(name) }));
      }
    }
    if (whole) past.keep(feed.systems);
    plan();
  },
  onState(state) {
    if (state === "live") past.load(MAIN).then(() => (drawn = 0));
    tick();
  },
});

/** Many events in one frame are one drawing. */
function plan() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    arrange();
  });
  if (document.hidden) setTimeout(() => planned && ((planned = false), arrange()), 1000); // no frames come to a hidden page
}

const shown = () => [...feed.systems.values()].filter((item) => item.name.toLowerCase().includes(searched));

function arrange() {
  const items = shown();
  const strained = new Map(items.map((item) => [item.name, strain(item, feed.age(item))]));
  items.sort(byBadness(strained));
  const groups = [items.filter((item) => troubled(item, strained.get(item.name))), []];
  groups[1] = items.filter((item) => !groups[0].includes(item));
  const chosen = measure(groups[0].length, groups[1].length);
  if (chosen.join() !== sizes?.join()) for (const item of items) changed.add(item.name);
  sizes = chosen;
  const now = feed.now();
  for (const [name, card] of cards) if (!feed.systems.has(name)) (card.node.remove(), cards.delete(name));
  ["trouble", "rest"].forEach((group, place) => place_cards(byId(group), groups[place], sizes[place], now));
  mark(byId("empty"), "hidden", items.length ? "" : null);
  for (const name of changed) if (cards.has(name) && !items.some((item) => item.name === name)) cards.get(name).size = null;
  changed.clear();
  showWorst(items, feed.state === "lost");
}

/** The levels of the two groups; in wall mode everything else grows or shrinks with them. */
function measure(trouble, rest) {
  const root = document.documentElement;
  const key = [trouble, rest, root.className].join();
  if (key === measured?.key) return measured.chosen; // asking for sizes would lay everything out, at each event
  root.style.fontSize = "";
  const main = byId("main");
  const size = () => parseFloat(getComputedStyle(root).fontSize);
  const above = () => main.getBoundingClientRect().top + window.scrollY + document.querySelector(".foot").offsetHeight;
  if (root.classList.contains("kiosk")) {
    const rem = size();
    root.style.fontSize = `${rem * scale(trouble, rest, main.clientWidth / rem, window.innerHeight / rem, above() / rem + 1)}px`;
  }
  const rem = size();
  const chosen = levels(trouble, rest, main.clientWidth / rem, (window.innerHeight - above()) / rem - 1);
  measured = { key, chosen };
  return chosen;
}

function place_cards(section, items, size, now) {
  const list = section.querySelector(".cards");
  mark(section, "hidden", items.length ? null : "");
  mark(list, "data-level", size);
  const nodes = items.map((item) => {
    let card = cards.get(item.name);
    if (!card) cards.set(item.name, (card = new Card(item.name)));
    if (changed.has(item.name) || card.size !== size) {
      card.size = size;
      card.show(item, size, past.points(item.name));
      card.tick(item, feed.age(item), now);
    }
    return card.node;
  });
  settle(list, nodes);
}

/** Puts the nodes in order and moves as few as it can: each that moves is laid out anew. */
function settle(list, nodes) {
  const focused = document.activeElement;
  let next = list.firstElementChild;
  for (const node of nodes) {
    if (next && next !== node && next.nextElementSibling === node) {
      next.remove(); // it comes again later, or never
      next = node;
    }
    if (next === node) next = node.nextElementSibling;
    else list.insertBefore(node, next);
  }
  while (next) {
    const gone = next;
    next = next.nextElementSibling;
    gone.remove();
  }
  if (document.activeElement !== focused && focused.isConnected) focused.focus({ preventScroll: true });
}

/** What runs by itself, four times a second; the lines once a step. */
function tick() {
  const now = feed.now();
  const old = (performance.now() - feed.heardAt) / 1000;
  showExporter(feed.exporter, feed.state, old, now);
  if (feed.state === "lost" || now === null) {
    if (feed.state === "lost") showWorst(shown(), true);
    return;
  }
  showClock(now);
  const step = Math.floor(now / past.step);
  ticks += 1;
  for (const [name, card] of cards) {
    const item = feed.systems.get(name);
    if (!item || !card.size) continue;
    const age = feed.age(item);
    if (ticks % SELDOM === 0 || item.rto_seconds > 0 || !SMALL.includes(card.size)) card.tick(item, age, now);
    if (item.rpo[MAIN]?.known) past.push(name, now, exposed(item, item.rpo[MAIN], age));
    if (step !== drawn) card.redraw(item, past.points(name));
  }
  if (step !== drawn) plan(); // exposure grows into its objective without an event
  drawn = step;
}

function query() {
  const kept = new URLSearchParams();
  const url = new URL(location.href);
  for (const name of FILTERS) if (url.searchParams.get(name)) kept.set(name, url.searchParams.get(name));
  return kept.size ? `?${kept}` : "";
}

for (const name of ["tier", "site"]) {
  byId(`filter-${name}`).addEventListener("change", ({ target }) => {
    const url = new URL(location.href);
    if (target.value) url.searchParams.set(name, target.value);
    else url.searchParams.delete(name);
    history.replaceState(null, "", url);
    feed.run(query());
  });
}
byId("find").addEventListener("input", ({ target }) => {
  searched = target.value.trim().toLowerCase();
  plan();
});
const again = () => {
  measured = null;
  if (feed.exporter) plan();
};
window.addEventListener("resize", again);
new ResizeObserver(again).observe(byId("warnings"));
document.addEventListener("visibilitychange", () => feed.exporter && plan());
listen();
setInterval(tick, TICK);
feed.run(query());
