// The wall by keyboard: arrows move from card to card as they lie on the screen, letters switch things.

import { byId, mark } from "./dom.js";
import { toggleSound } from "./sound.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function toggleKiosk(on = !document.documentElement.classList.contains("kiosk")) {
  document.documentElement.classList.toggle("kiosk", on);
  mark(byId("kiosk"), "aria-pressed", String(on));
  const url = new URL(location.href);
  if (on) url.searchParams.set("kiosk", "");
  else url.searchParams.delete("kiosk");
  history.replaceState(null, "", url.href.replace("kiosk=", "kiosk"));
  if (on) document.documentElement.requestFullscreen?.().catch(() => {}); // without a click it is refused, and the layout will do
  else if (document.fullscreenElement) document.exitFullscreen();
  window.dispatchEvent(new Event("resize"));
}

function move([right, lower]) {
  const links = [...document.querySelectorAll(".card:not([hidden]) .title a")];
  const from = links.find((link) => link === document.activeElement)?.closest(".card").getBoundingClientRect();
  if (!from) return links[0]?.focus();
  const middle = (box) => [box.x + box.width / 2, box.y + box.height / 2];
  const [x, y] = middle(from);
  let [nearest, best] = [Infinity, null];
  for (const link of links) {
    const [toX, toY] = middle(link.closest(".card").getBoundingClientRect());
    const [ahead, aside] = right ? [(toX - x) * right, Math.abs(toY - y)] : [(toY - y) * lower, Math.abs(toX - x)];
    if (ahead > 4 && ahead + 3 * aside < nearest) [nearest, best] = [ahead + 3 * aside, link];
  }
  best?.focus();
}

const COMMANDS = {
  "/": () => byId("find").focus(),
  k: () => toggleKiosk(),
  s: () => toggleSound(),
  "?": () => byId("help").showModal(),
};

export function listen() {
  byId("kiosk").addEventListener("click", () => toggleKiosk());
  byId("sound").addEventListener("click", () => toggleSound());
  byId("keys").addEventListener("click", () => byId("help").showModal());
  byId("help-close").addEventListener("click", () => byId("help").close());
  mark(byId("kiosk"), "aria-pressed", String(document.documentElement.classList.contains("kiosk")));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea, dialog")) {
      if (event.key === "Escape" && event.target.id === "find") event.target.blur();
      return;
    }
    const todo = ARROWS[event.key] ? () => move(ARROWS[event.key]) : COMMANDS[event.key];
    if (!todo) return;
    event.preventDefault();
    todo();
  });
}
