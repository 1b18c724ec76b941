// One system on the wall: a card, whose large forms show everything, and whose small ones what matters most.

import { english, h, icon, mark, name, path, redraw, say } from "./dom.js";
import { down, exposed, level, share } from "./live.js";
import { draw, sparkline } from "./spark.js";
import { atMost, digits, duration, goal, money, portion, remaining, t, word } from "./text.js";

const MAIN = "site_loss";
const LARGE = ["hero", "large", "medium"];

function bar() {
  const filled = h("i");
  return { node: h("span", { class: "bar", "aria-hidden": "true" }, filled), filled };
}

function fill(made, ratio, grade) {
  const shown = ratio.toFixed(3);
  if (made.shown !== shown) made.filled.style.transform = `scaleX(${(made.shown = shown)})`;
  mark(made.node, "data-grade", grade || null);
}

const drillWords = (drill) => t(drill.type === "maintenance" ? "maintenance" : drill.expired ? "drill.expired" : "drill");

export class Card {
  #form = "";
  #level = "";
  #clock = null;
  #rpos = new Map();
  #spark = null;

  /** `heading`: the element that fits into the page's order of headings. */
  constructor(system, heading = "h3") {
    this.heading = heading;
    this.node = h("li", { class: "card", "data-system": system });
    this.system = system;
  }

  /** Shows a summary at a density level; what is the same stays untouched. */
  show(item, size, drawn) {
    const form = LARGE.includes(size) ? "large" : "small";
    this.#level = size;
    if (this.#form !== form) {
      this.#form = form;
      this.#build(form);
    }
    const risk = item.drill ? " drill" : "";
    mark(this.node, "class", `card ${form} ${item.state}${risk}`);
    redraw(this.head, [item.state, item.drill, item.blind, item.tier], () => this.#head(item));
    if (form === "large") this.#large(item);
    else redraw(this.where, [item.serving, item.home, item.state], () => this.#where(item));
    this.#measures(item);
    this.redraw(item, drawn);
  }

  #build(form) {
    this.#clock = null;
    this.#rpos.clear();
    this.head = h("p", { class: "state" });
    this.link = h("a", { href: path("systems", this.system), title: this.system }, name(this.system));
    const title = h(this.heading, { class: "title" }, this.link);
    this.rpos = h("div", { class: "rpos" });
    this.clockBox = h("div", { class: "clockbox" });
    if (form === "small") {
      this.where = h("p", { class: "where" });
      this.node.replaceChildren(this.head, title, this.where, this.clockBox, this.rpos);
      return;
    }
    this.sentence = h("p", { class: "sentence" });
    this.sites = h("ul", { class: "sites", "aria-label": t("sites") });
    this.facts = h("dl", { class: "facts" });
    this.node.replaceChildren(this.head, title, this.sentence, this.clockBox, this.rpos, this.sites, this.facts);
  }

  #head(item) {
    const parts = [icon(item.state), h("span", { class: "word" }, word("state", item.state)), (this.since = h("span", { class: "since" }))];
    if (this.#form === "large") parts.push(h("span", { class: "tier" }, name(item.tier)));
    if (item.blind) parts.push(h("span", { class: "badge blind" }, icon("unknown"), t("blind")));
    if (item.drill) parts.push(h("span", { class: "badge" }, icon("drill"), h("span", null, drillWords(item.drill))));
    return parts;
  }

  #where(item) {
    if (!item.serving.length) return [h("span", null, item.state === "unknown" ? t("unknown") : t("nowhere"))];
    return item.serving.map((site) => h("span", { class: site === item.home ? "" : "away" }, icon("serving"), name(site)));
  }

  #large(item) {
    redraw(this.sentence, item.sentence, () => [english(item.sentence)]);
    redraw(this.sites, [item.sites, item.home], () => item.sites.map((site) => this.#site(site, item)));
    redraw(this.facts, [item.objectives, item.rto_estimate_seconds, item.budget, item.cost, item.last, item.functional_ratio], () => this.#facts(item));
  }

  #site(site, item) {
    const failed = Object.entries(site.checks ?? {}).filter(([, passed]) => !passed).map(([check]) => word("check", check));
    const words = [word("role", site.role)];
    if (site.serving) words.push(t("serving"));
    if (!site.serving && site.ready) words.push(t("ready"));
    if (!site.serving && site.ready === false) words.push(`${t("not_ready")}: ${failed.join(", ")}`);
    const sign = site.serving ? "serving" : site.ready ? "yes" : site.ready === false ? "no" : "dunno";
    const grade = site.serving ? "serving" : site.ready ? "ready" : site.ready === false ? "bad" : "";
    const home = site.name === item.home ? h("span", { class: "quiet" }, ` ${t("home")}`) : null;
    return h("li", { class: `site ${grade}` }, icon(sign), h("b", null, name(site.name)), home, h("span", { class: "quiet" }, words.join(" · ")));
  }

  #facts(item) {
    const made = [];
    const fact = (label, value, className) => made.push(h("div", { class: className }, h("dt", null, label), h("dd", null, value)));
    const { rto } = item.objectives;
    fact(t("rto.objective"), rto === null ? t("none") : goal(rto));
    fact(t("rto.estimate"), duration(item.rto_estimate_seconds, 0), level(item.rto_estimate_seconds, rto));
    if (item.functional_ratio !== null && item.functional_ratio < 1) fact(t("functional"), portion(item.functional_ratio));
    if (item.budget) {
      const left = item.budget.left_seconds;
      fact(t("budget"), remaining(left), left < 0 ? "over" : "");
    }
    if (item.cost?.amount) fact(t("cost"), money(item.cost.amount, item.cost.currency));
    else if (item.cost?.total) fact(t("cost.total"), money(item.cost.total, item.cost.currency));
    if (item.last?.rto) fact(t("last"), `${word("kind", item.last.kind)} ${atMost(item.last.rto.upper, 1)}`);
    return made;
  }

  #measures(item) {
    const wanted = Object.keys(item.rpo).filter((scenario) => this.#form === "large" || scenario === MAIN);
    redraw(this.rpos, [wanted, item.objectives.rpo, this.#level === "tiny"], () => {
      this.#rpos.clear();
      this.#spark = null;
      return wanted.map((scenario) => this.#measure(scenario, item.objectives.rpo[scenario]));
    });
    const running = item.rto_seconds > 0;
    redraw(this.clockBox, [running, item.objectives.rto], () => (running ? this.#golden(item.objectives.rto) : []));
    if (!running) this.#clock = null;
  }

  #measure(scenario, objective) {
    const parts = { value: h("b", { class: "value" }), of: h("span", { class: "of" }), bar: bar(), objective };
    this.#rpos.set(scenario, parts);
    const label = h("span", { class: "label" }, this.#form === "large" ? `RPO · ${word("scenario", scenario)}` : "RPO");
    parts.node = h("div", { class: "rpo" }, label, parts.value, parts.of, parts.bar.node);
    if (this.#form === "large" && scenario === MAIN) parts.node.append((this.#spark = sparkline()));
    return parts.node;
  }

  #golden(objective) {
    const made = { digits: h("b", { class: "digits" }), label: h("span", { class: "label" }), of: h("span", { class: "of" }), bar: bar(), objective };
    this.#clock = made;
    made.node = h("div", { class: "golden", role: "timer" }, made.label, made.digits, made.bar.node, made.of);
    return [made.node];
  }

  /** What runs by itself. `now`: the exporter's clock in Unix seconds. */
  tick(item, age, now) {
    const tiny = this.#level === "tiny"; // there is no room for more than a number
    if (this.since && !tiny) say(this.since, item.since ? duration(Math.max(0, now - item.since), 0) : "");
    for (const [scenario, parts] of this.#rpos) {
      const rpo = item.rpo[scenario];
      if (!rpo) continue;
      const value = exposed(item, rpo, age);
      const grade = level(value, parts.objective);
      say(parts.value, rpo.known ? duration(value, value < 1 ? 2 : 1) : t("unknown"));
      if (!tiny) say(parts.of, this.#of(rpo, value, parts.objective, grade));
      mark(parts.node, "data-grade", rpo.known ? grade || null : "unknown");
      fill(parts.bar, parts.objective === undefined ? 0 : share(value, parts.objective), rpo.known ? grade : "unknown");
    }
    if (this.#clock) this.#golden_tick(down(item, age));
  }

  #of(rpo, value, objective, grade) {
    if (!rpo.known) return t("rpo.unproven", { time: duration(value, 0) });
    if (objective === null || objective === undefined) return t("no_objective");
    return t(grade === "over" ? "rpo.over" : "rpo.of", { objective: goal(objective) });
  }

  #golden_tick(seconds) {
    const { digits: shown, label, of, bar: drawn, objective, node } = this.#clock;
    if (seconds === null) return;
    if (objective === null || objective === undefined) {
      say(label, t("rto.down"));
      say(shown, digits(seconds));
      say(of, t("no_objective"));
      return;
    }
    const left = objective - seconds;
    say(label, left >= 0 ? t("rto.left") : t("rto.gone"));
    say(shown, left >= 0 ? digits(left) : `+${digits(-left)}`);
    say(of, t("rto.of", { down: duration(seconds, 0), objective: goal(objective) }));
    mark(node, "data-grade", left < 0 ? "over" : left < 0.5 * objective ? "near" : null);
    fill(drawn, Math.max(0, objective > 0 ? left / objective : 0), left < 0 ? "over" : left < 0.5 * objective ? "near" : "");
  }

  /** The sparkline, drawn anew each step. */
  redraw(item, points) {
    if (this.#spark && points) draw(this.#spark, points, item.objectives.rpo[MAIN]);
  }
}
