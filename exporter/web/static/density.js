// How large a card may be: as large as the screen allows when all have to fit on it, those in trouble first.

export const LEVELS = [
  { name: "hero", width: 40, height: 40, gap: 0.5 },
  { name: "large", width: 26, height: 23.5, gap: 0.5 },
  { name: "medium", width: 19.5, height: 15.5, gap: 0.5 },
  { name: "small", width: 13, height: 5.5, gap: 0.5 },
  { name: "tiny", width: 6.3, height: 2.55, gap: 0.32 },
];
const TITLE = 0.8;
const [LEAST, MOST, STEP] = [0.5, 1.6, 0.04];

const cost = ([trouble, rest]) => trouble + 1.4 * rest + (trouble ? 0 : 2);

/** Pairs of levels (for those in trouble, for the rest), the most generous first. */
const PAIRS = LEVELS.flatMap((_, trouble) => LEVELS.map((_, rest) => [trouble, rest]))
  .filter(([trouble, rest]) => rest >= trouble)
  .sort((a, b) => cost(a) - cost(b));

function height(count, { width, height: tall, gap }, room) {
  const columns = Math.max(1, Math.floor((room + gap) / (width + gap)));
  return Math.ceil(count / columns) * (tall + gap);
}

/** The most generous pair that fits into so many rem; undefined if none does. */
function pair(trouble, rest, width, high) {
  return PAIRS.find(([a, b]) =>
    height(trouble, LEVELS[a], width) + height(rest, LEVELS[b], width) + (trouble && rest ? TITLE : 0) <= high &&
    (LEVELS[a].name !== "hero" || trouble < 3) && (LEVELS[b].name !== "hero" || rest < 3));
}

const named = ([a, b]) => [LEVELS[a].name, LEVELS[b].name];

/** Names of the two levels. `width` and `high` of the room in rem; a phone scrolls, so it only asks what can be read. */
export function levels(trouble, rest, width, high) {
  if (width < 40) return ["medium", rest > 6 ? "small" : "medium"];
  return named(pair(trouble, rest, width, high) ?? [trouble > 24 ? 4 : 3, 4]);
}

/** How much larger or smaller everything may be, so that a wall is filled and not scrolled. `top`: rem that are taken above. */
export function scale(trouble, rest, width, high, top) {
  const fits = (factor) => pair(trouble, rest, width / factor, high / factor - top);
  let factor = 1;
  while (!fits(factor) && factor > LEAST) factor -= STEP;
  const chosen = fits(factor)?.join();
  while (chosen && fits(factor + STEP)?.join() === chosen && factor < MOST) factor += STEP;
  return factor;
}
