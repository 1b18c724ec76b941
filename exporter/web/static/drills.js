// Drills: those that run and those that were, and what starts, stops and signs them.

import { change, field, filled, keeper } from "./act.js";
import { byId, h, icon, name, path, redraw } from "./dom.js";
import { Feed } from "./feed.js";
import { showClock, showExporter, showWorst } from "./frame.js";
import { table } from "./tables.js";
import { dateTime, t, word } from "./text.js";

const TICK = 250;
const APART = 5_000;

let [askedAt, known] = [-Infinity, []];
const { field: token, said, tell } = keeper();
const feed = new Feed({ onChange: () => showWorst([...feed.systems.values()], false), onState: () => tick() });

async function act(work, done) {
  try {
    await work();
    tell(done, true);
  } catch (error) {
    tell(error.message, false);
  }
  askedAt = -Infinity;
  refresh();
}

async function refresh() {
  if (performance.now() - askedAt < APART || feed.state === "lost") return;
  askedAt = performance.now();
  try {
    const answer = await fetch("/api/v1/drills?limit=50", { signal: AbortSignal.timeout(5000) });
    if (answer.ok) known = (await answer.json()).items;
    redraw(byId("list"), [answer.status, known], () => [answer.status === 404 ? h("p", { class: "quiet" }, t("drills.off")) : list()]);
  } catch {
    // the feed says that nobody answers
  }
}

function list() {
  if (!known.length) return h("p", { class: "quiet" }, t("drills.none"));
  const head = [t("system"), t("drills.scenario"), t("drills.operator"), t("drills.began"), t("drills.ends"), t("title.incident"), t("sign_off"), t("state")];
  return table(t("drills.all"), head, known.map((drill) => [
    [h("b", null, name(drill.system)), h("p", { class: "quiet" }, t(drill.type === "maintenance" ? "maintenance" : "drill"))],
    [word("scenario", drill.scenario), h("p", { class: "quiet" }, name(drill.reason))],
    name(drill.operator),
    dateTime(drill.started),
    dateTime(drill.ended ?? drill.expires),
    drill.incidents.length ? drill.incidents.map((id) => h("p", null, h("a", { href: path("incidents", id) }, name(id)))) : "–",
    drill.signatures.map((one) => h("p", null, name(one.by), one.role ? [" (", one.role, ")"].join("") : "")),
    state(drill),
  ]));
}

function state(drill) {
  if (!drill.open) return [h("span", { class: "quiet" }, drill.outcome ? name(drill.outcome) : t("done")), button(t("drills.sign"), () => sign(drill))];
  const words = h("span", { class: "badge" }, icon("drill"), t(drill.expired ? "drill.expired" : "drills.runs"));
  return [words, " ", button(t("drills.stop"), () => act(() => change("DELETE", where(drill), {}), t("drills.stopped")))];
}

const where = (drill) => `/api/v1/drills/${encodeURIComponent(drill.id)}`;

function sign(drill) {
  const form = byId("signing");
  form.hidden = false;
  form.dataset.where = `${where(drill)}/sign`;
  form.querySelector("output").textContent = drill.id;
  form.querySelector("input").focus();
}

function button(label, todo) {
  const made = h("button", { type: "button" }, label);
  made.addEventListener("click", todo);
  return made;
}

function tick() {
  const now = feed.now();
  showExporter(feed.exporter, feed.state, (performance.now() - feed.heardAt) / 1000, now);
  if (feed.state === "lost") return showWorst([...feed.systems.values()], true);
  showClock(now);
  refresh();
}

byId("token").append(field(t("drills.token"), token), said);
byId("token").addEventListener("submit", (event) => event.preventDefault());
byId("start").addEventListener("submit", (event) => {
  event.preventDefault();
  const { minutes, ...wanted } = filled(event.target);
  act(() => change("POST", "/api/v1/drills", { ...wanted, expires_in: 60 * Number(minutes) }), t("drills.started"));
});
byId("signing").addEventListener("submit", (event) => {
  event.preventDefault();
  act(async () => {
    await change("POST", event.target.dataset.where, filled(event.target));
    event.target.hidden = true;
  }, t("drills.signed"));
});
setInterval(tick, TICK);
feed.run("");
