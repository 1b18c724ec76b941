// The texts of the page's language, and numbers as that language writes them.

const texts = JSON.parse(document.getElementById("texts").textContent);
const language = document.documentElement.lang;
const cache = new Map();

/** The text with its placeholders filled in. */
export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, field) => values[field] ?? "");
}

/** A word of the exporter's, such as a state or a reason; one that has no translation yet is shown as it is. */
export function word(family, value) {
  return texts[`${family}.${value}`] ?? String(value ?? "").replaceAll("_", " ");
}

function formatter(options, Kind = Intl.NumberFormat, key = JSON.stringify([Kind.name, options])) {
  if (!cache.has(key)) cache.set(key, new Kind(language, options));
  return cache.get(key);
}

export const number = (value, digits = 0) =>
  formatter({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
export const upTo = (value, digits) => formatter({ maximumFractionDigits: digits }).format(value);
export const percent = (ratio, digits = 0) =>
  formatter({ style: "percent", maximumFractionDigits: digits }).format(ratio);

/** How much of something works, rounded down: not all of it is never 100%. */
export const portion = (ratio) => formatter({ style: "percent", maximumFractionDigits: 1 }).format(Math.floor(1000 * ratio + 1e-6) / 1000);

function unit(value, name, digits = 0) {
  const key = name + digits; // hundreds of these are written four times a second
  const made = cache.get(key);
  if (made) return made.format(value);
  const options = { style: "unit", unit: name, unitDisplay: "narrow", minimumFractionDigits: digits, maximumFractionDigits: digits };
  return formatter(options, Intl.NumberFormat, key).format(value);
}

const SPANS = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

/** Seconds for people: 0.84s, 12.3s, 4m 5s, 3h 7m, 90d. `digits`: how exact below ten seconds. */
export function duration(seconds, digits = 2) {
  if (seconds === null || seconds === undefined) return t("unknown");
  if (seconds < 10 - 0.5 * 10 ** -digits) return unit(seconds, "second", digits);
  if (seconds < 59.95) return unit(seconds, "second", Math.min(1, digits));
  let rest = Math.round(seconds);
  const at = SPANS.findIndex(([size], place) => rest >= size * (place === 0 ? 2 : 1));
  const parts = SPANS.slice(at, at + 2).map(([size, name]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count || name === SPANS[at][1] ? unit(count, name) : "";
  });
  return parts.filter(Boolean).join("\u00a0");
}

const step = (seconds, digits) =>
  seconds < 10 ? 10 ** -digits : seconds < 60 ? 10 ** -Math.min(1, digits) : seconds < 3600 ? 1 : seconds < 2 * 86400 ? 60 : 3600;
const NOISE = 1e-6; // what floats may have added
const count = { down: (value, by) => Math.floor((value + NOISE) / by), near: (value, by) => Math.round(value / by), up: (value, by) => Math.ceil((value - NOISE) / by) || 0 };

/** So many steps, every unit of them that is not zero. */
function rounded(steps, by) {
  const decimals = Math.max(0, Math.round(-Math.log10(by)));
  let rest = steps * by;
  if (rest < 60) return unit(rest, "second", decimals);
  const parts = SPANS.slice(rest < 2 * 86400 ? 1 : 0).map(([size, name]) => {
    const many = name === "second" ? Number(rest.toFixed(decimals)) : Math.floor(rest / size + NOISE);
    rest -= many * size;
    return many ? unit(many, name, Number.isInteger(many) ? 0 : decimals) : "";
  });
  return parts.filter(Boolean).join("\u00a0");
}

/** [lower, upper], rounded outwards and as fine as it takes to tell them apart: what may have missed never reads as met. */
export function within(lower, upper, digits = 3) {
  let steps;
  for (const finest of [3600, 60, 1, 0.1, 0.01]) {
    steps = [lower, upper].map((value) => Math.min(step(value, digits), finest));
    if (Math.abs(count.near(lower, steps[0]) * steps[0] - count.near(upper, steps[1]) * steps[1]) > NOISE) break;
  }
  return [rounded(count.down(lower, steps[0]), steps[0]), rounded(count.up(upper, steps[1]), steps[1])];
}

/** An upper bound by itself. */
export const atMost = (seconds, digits = 2) => rounded(count.up(seconds, step(seconds, digits)), step(seconds, digits));

/** What is left of a budget of downtime; of one that is overspent by how much, which is never the same as nothing left. */
export const remaining = (seconds) => (seconds < 0 ? t("budget.gone", { over: duration(-seconds, 0) }) : duration(seconds, 0));

/** Objectives are round: 5s, 15m, 4h, 90d. */
export function goal(seconds) {
  const found = SPANS.find(([size]) => seconds >= size && seconds % size === 0);
  return found ? unit(seconds / found[0], found[1]) : duration(seconds);
}

const two = (value) => formatter({ minimumIntegerDigits: 2, useGrouping: false }).format(value);

/** A running clock: 02:19, or 1:02:19. Rounded down. */
export function digits(seconds) {
  const whole = Math.floor(Math.max(0, seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return `${hours ? `${number(hours)}:` : ""}${two(minutes)}:${two(whole % 60)}`;
}

const dates = (unix, options) => formatter(options, Intl.DateTimeFormat).format(unix * 1000);
export const clock = (unix) => dates(unix, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
export const dateTime = (unix) => dates(unix, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
/** From one to the other, with nothing said twice. */
export const span = (from, until) =>
  formatter({ dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" }, Intl.DateTimeFormat).formatRange(from * 1000, until * 1000);
export const day = (unix) => dates(unix, { dateStyle: "medium" });
/** To the millisecond, as the ledger has it. */
export const exactly = (unix) =>
  dates(unix, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });

export function money(amount, currency) {
  try {
    return formatter({ style: "currency", currency, maximumFractionDigits: amount < 100 ? 2 : 0 }).format(amount);
  } catch {
    return `${number(amount, amount < 100 ? 2 : 0)} ${currency}`;
  }
}

export function bytes(size) {
  const names = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];
  let at = 0;
  while (size >= 1000 && at < names.length - 1) {
    size /= 1000;
    at += 1;
  }
  return unit(size, names[at], at && size < 100 ? 1 : 0);
}
