// Half an hour of exposure as a line: what the exporter remembers, and what came since.

import { s } from "./dom.js";

const POINTS = 180;
const [WIDTH, HEIGHT] = [180, 30];

/** Exposure by system, one point a step: the worst that was seen in it. A gap is null. */
export class History {
  step = 10;
  #lines = new Map();

  /** Takes what the exporter remembers; without it the line begins now. */
  async load(scenario) {
    try {
      const answer = await fetch(`/api/v1/history?scenario=${scenario}`, { signal: AbortSignal.timeout(5000) });
      if (!answer.ok) return;
      const { step, until, items } = await answer.json();
      this.step = step;
      for (const [name, points] of Object.entries(items)) {
        this.#lines.set(name, { slot: Math.floor(until / step), points: points.slice(-POINTS) });
      }
    } catch {
      // a line that begins now is still a line
    }
  }

  /** The same of one system alone. */
  async loadSystem(name) {
    try {
      const answer = await fetch(`/api/v1/systems/${encodeURIComponent(name)}/history`, { signal: AbortSignal.timeout(5000) });
      const told = answer.ok ? (await answer.json()).items.find((item) => item.scenario === "site_loss") : null;
      if (!told?.points.length) return;
      this.step = told.step;
      const points = told.points.slice(-POINTS);
      this.#lines.set(name, { slot: Math.floor(points.at(-1)[0] / told.step), points: points.map(([, value]) => value) });
    } catch {
      // as above
    }
  }

  push(name, now, value) {
    const slot = Math.floor(now / this.step);
    let line = this.#lines.get(name);
    if (!line) this.#lines.set(name, (line = { slot: slot - 1, points: [] }));
    if (slot === line.slot && line.points.length) line.points[line.points.length - 1] = Math.max(line.points.at(-1) ?? 0, value);
    for (; line.slot < slot; line.slot += 1) {
      if (slot - line.slot > POINTS) line.slot = slot - POINTS;
      line.points.push(line.slot + 1 === slot ? value : null);
    }
    if (line.points.length > POINTS) line.points.splice(0, line.points.length - POINTS);
  }

  points = (name) => this.#lines.get(name)?.points ?? [];

  keep(names) {
    for (const name of this.#lines.keys()) if (!names.has(name)) this.#lines.delete(name);
  }
}

/** An empty picture, for `draw`. */
export function sparkline() {
  const box = { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
  return s("svg", box, s("path", { class: "goal" }), s("path", { class: "area" }), s("path", { class: "trace" }));
}

/** The newest point stands at the right edge; the dashed line is the objective, where it is in reach. */
export function draw(picture, points, goal) {
  const most = Math.max(0.001, ...points.map((point) => point ?? 0));
  const top = Math.max(1.2 * most, 0.3 * (goal ?? 0));
  const y = (value) => (HEIGHT - 1 - (value / top) * (HEIGHT - 3)).toFixed(1);
  const first = POINTS - points.length;
  let [trace, area, open] = ["", "", null];
  points.forEach((point, at) => {
    const x = first + at;
    if (point !== null) {
      trace += `${open === null ? "M" : "L"}${x} ${y(point)}`;
      open ??= x;
    }
    if (open !== null && (point === null || at === points.length - 1)) {
      const run = trace.slice(trace.lastIndexOf("M"));
      area += `${run}V${HEIGHT}H${open}Z`;
      open = null;
    }
  });
  const [line, below, whole] = picture.children;
  line.setAttribute("d", goal && goal <= top ? `M0 ${y(goal)}H${WIDTH}` : "");
  below.setAttribute("d", area);
  whole.setAttribute("d", trace);
}
