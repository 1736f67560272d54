// A page that is a file: its data stands in it, and nothing moves.

import { DRAW } from "./draw.js";
import { firstTheme, otherTheme } from "./theme.js";

const still = { root: "", live: false, args: {}, frozen: () => true, ask() {}, act() {} };

document.getElementById("theme")?.addEventListener("click", otherTheme);
firstTheme();
for (const [name, data] of Object.entries(JSON.parse(document.getElementById("data").textContent))) {
  const panel = document.getElementById(name);
  const draw = DRAW[panel.dataset.draw](panel.querySelector(".body"), still);
  if ("error" in data) panel.dataset.error = data.error;
  else requestAnimationFrame(() => draw(data));
  panel.dataset.updates = 1;
}
