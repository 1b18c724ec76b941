// Keeps the table fresh from /api/v1/systems. Whatever comes from outside goes through textContent, never into markup.

const EVERY = 1000;
const PATIENCE = 5000;
const WORST_FIRST = ["outage", "suspected", "recovering", "unknown", "degraded", "healthy"];
const SYMBOL = { outage: "✕", suspected: "?", recovering: "↻", unknown: "–", degraded: "!", healthy: "✓" };
const NEAR = 0.8;

const byId = (id) => document.getElementById(id);
let fetchedAt = performance.now();
let exporter = {};
let lost = false;

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

const line = (...children) => element("span", "line", ...children);
const quiet = (...children) => element("span", "line quiet", ...children);
/** A name from outside: its writing direction must not leak into its surroundings. */
const name = (text) => element("bdi", "", text);

/** Seconds for people: 0.84 s, 12.3 s, 4 min 05 s, 3 h 07 min, 90 d. */
function duration(seconds) {
  if (seconds === null || seconds === undefined) return "unknown";
  if (seconds < 9.995) return `${seconds.toFixed(2)}\u00a0s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)}\u00a0s`;
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}\u00a0min\u00a0${two(whole % 60)}\u00a0s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)}\u00a0h\u00a0${two(Math.floor((whole % 3600) / 60))}\u00a0min`;
  return `${Math.floor(whole / 86400)}\u00a0d\u00a0${Math.floor((whole % 86400) / 3600)}\u00a0h`;
}

/** Objectives are round: 5 s, 15 min, 4 h, 90 d. */
function objective(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= size && seconds % size === 0) return `${seconds / size}\u00a0${unit}`;
  }
  return `${seconds}\u00a0s`;
}

const bounds = (value) => (value ? `${duration(value.estimate)} [${duration(value.lower)}, ${duration(value.upper)}]` : "not measured");

/** A share of an objective as a bar; `label` says it in words. */
function bar(value, goal, label) {
  const made = element("progress", value > goal ? "over" : value > NEAR * goal ? "near" : "");
  made.max = 1;
  made.value = goal > 0 ? Math.min(1, value / goal) : Number(value > 0);
  made.setAttribute("aria-label", label);
  return made;
}

function against(value, goal) {
  if (goal === null || goal === undefined) return [quiet("no objective")];
  const over = value > goal;
  const share = goal > 0 ? `${Math.round((100 * value) / goal)} %` : over ? "over" : "kept";
  const words = `${share} of ${objective(goal)}`;
  return [quiet(over ? element("span", "bad", "✕ over ") : "", words), bar(value, goal, words)];
}

function stateCell(system) {
  const symbol = element("span", "", SYMBOL[system.state] ?? "–");
  symbol.setAttribute("aria-hidden", "true");
  return [element("span", "state", symbol, ` ${system.state}`)];
}

function nameCell(system) {
  const title = element("bdi", "name", system.name);
  title.title = system.name;
  return [title, element("p", "", name(system.sentence))];
}

function servingCell(system) {
  if (system.serving.length) return system.serving.map((site) => line(name(site), site === system.home ? "" : " (not home)"));
  return [system.state === "unknown" ? "unknown" : "nowhere"];
}

function rtoCell(system) {
  if (system.state === "unknown" && !system.incident) return ["unknown"];
  const goal = system.objectives.rto;
  const estimate = system.rto_estimate_seconds;
  const shown = system.rto_seconds > 0
    ? [element("span", "line number", duration(system.rto_seconds)), ...against(system.rto_seconds, goal)]
    : [line("not running"), quiet(goal === null ? "no objective" : `objective ${objective(goal)}`)];
  return [...shown, quiet(`estimate ${estimate === null ? "unknown" : duration(estimate)}`)];
}

function rpoCell(system) {
  const measures = Object.entries(system.rpo).map(([scenario, rpo]) => {
    const number = element("span", "number", rpo.known ? duration(rpo.seconds) : "unknown");
    const rest = rpo.known ? against(rpo.seconds, system.objectives.rpo[scenario]) : [quiet(`nothing proven for ${duration(rpo.seconds)}`)];
    return element("div", "measure", line(number, element("span", "quiet", ` ${scenario.replaceAll("_", " ")}`)), ...rest);
  });
  return measures.length ? measures : ["—"];
}

function standbyCell(system) {
  const cells = system.sites.filter((site) => site.ready !== null).map((site) => {
    if (site.ready) return line("✓ ", name(site.name), " ready");
    const failed = Object.entries(site.checks).filter(([, passed]) => !passed).map(([check]) => check.replaceAll("_", " "));
    return line(element("span", "bad", "✕ "), name(site.name), ` not ready: ${failed.join(", ")}`);
  });
  return cells.length ? cells : [system.sites.length > 1 ? "unknown" : "none"];
}

function eventCell(system) {
  const event = system.last;
  if (!event) return ["none seen"];
  const when = event.start ? new Date(event.start.estimate * 1000).toLocaleString() : "";
  const verdict = (goal) => (event.verdicts[goal] === "no_objective" ? "" : ` — ${event.verdicts[goal].replaceAll("_", " ")}`);
  const lines = [
    line(event.kind.replaceAll("_", " "), event.to_site ? " to " : "", name(event.to_site), event.inferred ? " (inferred)" : ""),
    quiet(when),
    quiet(`RTO ${bounds(event.rto)}${verdict("rto")}`),
    quiet(`RPO ${bounds(event.rpo)}${verdict("rpo")}`),
  ];
  if (event.markers) lines.push(quiet(`${event.markers.lost} acknowledged canary writes lost, ${event.markers.surviving} survived`));
  return lines;
}

const COLUMNS = [
  ["State", stateCell],
  ["System", nameCell],
  ["Serving", servingCell],
  ["RTO clock", rtoCell],
  ["RPO now", rpoCell],
  ["Standby", standbyCell],
  ["Last event", eventCell],
];

function row(system) {
  const cells = COLUMNS.map(([label, fill]) => {
    const cell = element(label === "System" ? "th" : "td", "", ...fill(system));
    if (label === "System") cell.scope = "row";
    cell.dataset.label = label;
    return cell;
  });
  const made = element("tr", system.state, ...cells);
  made.dataset.system = system.name;
  return made;
}

/** Changes only the cells that differ, so that a selection or a screen reader's place survives a refresh. */
function showRows(systems) {
  const body = byId("systems");
  const known = new Map([...body.rows].map((shown) => [shown.dataset.system, shown]));
  const rows = systems.map((system) => {
    const fresh = row(system);
    const shown = known.get(system.name);
    if (!shown) return fresh;
    shown.className = fresh.className;
    [...fresh.cells].forEach((cell, at) => {
      if (!shown.cells[at].isEqualNode(cell)) shown.cells[at].replaceWith(cell);
    });
    return shown;
  });
  if (rows.length !== body.rows.length || rows.some((each, at) => each !== body.rows[at])) body.replaceChildren(...rows);
}

/** How much of its tightest objective a system has used: orders those in the same state. */
function strain(system) {
  const shares = Object.entries(system.rpo).map(([scenario, rpo]) => {
    const goal = system.objectives.rpo[scenario];
    return goal ? rpo.seconds / goal : 0;
  });
  return Math.max(0, ...shares, system.objectives.rto ? system.rto_seconds / system.objectives.rto : 0);
}

function worstFirst(a, b) {
  const rank = (system) => WORST_FIRST.indexOf(system.state);
  const used = (system) => (strain(system) > NEAR ? strain(system) : 0);
  return rank(a) - rank(b) || used(b) - used(a) || a.name.localeCompare(b.name);
}

function showCounts(systems) {
  const counts = WORST_FIRST.map((state) => [state, systems.filter((system) => system.state === state).length]);
  byId("counts").replaceChildren(
    ...counts.filter(([, count]) => count).map(([state, count]) => element("li", state, `${SYMBOL[state]} ${count} ${state}`)),
  );
}

function showWarnings() {
  const age = (performance.now() - fetchedAt) / 1000;
  const texts = [];
  if (exporter.blind_since) texts.push(`The exporter has been cut off for ${duration(exporter.now - exporter.blind_since)}: it can see nothing, so nothing is declared.`);
  if (exporter.ledger_writable === false) texts.push(`The ledger cannot be written: ${exporter.ledger_waiting} records wait in memory and would be lost with it.`);
  if (exporter.reload_ok === false) texts.push(`The newest configuration was not accepted, the one before stays in use. ${exporter.reload_error}`);
  const dead = Object.entries(exporter.references ?? {}).filter(([, up]) => !up).map(([target]) => target);
  if (dead.length && !exporter.blind_since) texts.push(`Reference targets do not answer: ${dead.join(", ")}`);
  const shown = texts.map((text) => element("p", "", `! ${text}`));
  if (lost) shown.unshift(element("p", "lost", `✕ Connection lost, data is ${Math.round(age)} s old.`));
  const warnings = byId("warnings");
  if (warnings.textContent !== shown.map((each) => each.textContent).join("")) warnings.replaceChildren(...shown);
  byId("live").classList.toggle("stale", lost);
}

async function refresh() {
  try {
    const answer = await fetch("/api/v1/systems", { signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const fresh = await answer.json();
    fetchedAt = performance.now();
    exporter = fresh.exporter;
    lost = false;
    const systems = fresh.items.sort(worstFirst);
    showRows(systems);
    showCounts(systems);
  } catch {
    lost = true;
  }
  showWarnings();
  setTimeout(refresh, EVERY);
}

refresh();
setInterval(showWarnings, EVERY);
