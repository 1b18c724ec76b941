// What moves between two events, and how bad it is. Everything starts from the exporter's own instants.

export const WORST_FIRST = ["outage", "suspected", "recovering", "unknown", "degraded", "healthy"];
export const SIGN = { outage: "✕", suspected: "?", recovering: "↻", unknown: "–", degraded: "!", healthy: "✓" };
const NEAR = 0.8;
const HELD = 2; // seconds for which what was told stands, so that a number that is told anew each second does not sway

/** Seconds of the running outage at most; null while none runs. */
export const down = (item, age) => (item.rto_seconds > 0 ? item.rto_seconds + age : null);

/** Seconds of writes that would be lost now: in an outage nothing more can be acknowledged, so it stands still. Otherwise
 * it is told about once a second; where nothing was told for longer, it has grown by all of that time. */
export const exposed = (item, rpo, age) =>
  item.rto_seconds > 0 && rpo.known ? rpo.seconds : rpo.seconds + (rpo.known && age <= HELD ? 0 : age);

/** `over`, `near` or "": a value against its objective. Without one nothing is judged. */
export function level(value, goal) {
  if (goal === null || goal === undefined || value === null) return "";
  return value > goal ? "over" : goal > 0 && value > NEAR * goal ? "near" : "";
}

/** The share of the objective that is used, 0 to 1. */
export const share = (value, goal) => (goal > 0 ? Math.min(1, value / goal) : Number(value > 0));

/** How much of its tightest objective a system has used, if it is near it; orders those in the same state. */
export function strain(item, age) {
  const used = Object.entries(item.rpo).map(([scenario, rpo]) => [exposed(item, rpo, age), item.objectives.rpo[scenario]]);
  used.push([down(item, age), item.objectives.rto]);
  return Math.max(0, ...used.map(([value, goal]) => (level(value, goal) && goal > 0 ? value / goal : 0)));
}

/** Whether somebody should look at it now. */
export const troubled = (item, strained) =>
  ["outage", "suspected", "recovering", "unknown"].includes(item.state) || strained > 1 || Boolean(item.blind);

export const rank = (item) => WORST_FIRST.indexOf(item.state);
