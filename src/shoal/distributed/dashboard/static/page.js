// A live page: its panels, the stream that feeds them, and the keyboard.

import { DRAW } from "./draw.js";
import { facts, make } from "./element.js";
import { follow } from "./live.js";
import { firstTheme, otherTheme } from "./theme.js";

const KEYS = [["1 to 9, 0", "a page"], ["space", "stop moving, and go on"], ["d", "dark or light"], ["/", "to the filter"],
  ["arrows, Enter", "in graphs: move, look closer"], ["Escape", "all of it again"], ["?", "this"]];
const help = make("dialog", {}, make("h2", {}, "Keys"), facts(KEYS.map(([key, what]) => [key, what])),
  make("form", { method: "dialog" }, make("button", {}, "Close")));
document.body.append(help);

const root = document.body.dataset.root;
const panels = [...document.querySelectorAll(".panel")];
const state = document.getElementById("state");
let stop = () => {}, frozen = false, drawers = {};

const page = {
  root,
  live: true,
  args: Object.fromEntries(new URLSearchParams(location.search)),
  frozen: () => frozen,
  ask(more) {
    for (const [name, value] of Object.entries(more)) {
      if (value) this.args[name] = value;
      else delete this.args[name];
    }
    history.replaceState(null, "", `?${new URLSearchParams(this.args)}`);
    open();
  },
  async act(name, what, question) {
    if (!window.confirm(question)) return;
    const answer = await fetch(`${root}actions/${name}`, { method: "POST", body: JSON.stringify(what),
      headers: { "content-type": "application/json", "x-shoal-token": document.body.dataset.token } });
    if (!answer.ok) window.alert(`${answer.status}: ${await answer.text()}`);
  },
};

function open() {
  stop();
  stop = follow(root, panels.map((panel) => panel.id), page.args, (all, change) => {
    if (frozen) return;
    for (const id of Object.keys(change)) {
      const panel = document.getElementById(id), data = all[id];
      if (!panel || !data) continue;
      panel.classList.toggle("failed", "error" in data);
      if ("error" in data) panel.dataset.error = data.error;
      else drawers[id](data);
      panel.dataset.updates = Number(panel.dataset.updates ?? 0) + 1;
    }
  }, (link) => { if (state) { state.textContent = link; state.className = link; } });
}

function freeze() {
  frozen = !frozen;
  document.body.classList.toggle("frozen", frozen);
  const button = document.getElementById("pause");
  if (button) button.textContent = frozen ? "Go on" : "Pause";
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const links = [...document.querySelectorAll("nav a")];
  if (help.open) return;
  if (event.key === " " && !event.target.matches("button, summary, a")) { event.preventDefault(); freeze(); }
  else if (event.key === "d") otherTheme();
  else if (event.key === "/") { event.preventDefault(); document.querySelector("input[type=search]")?.focus(); }
  else if (/^[0-9]$/.test(event.key)) links[(Number(event.key) + 9) % 10]?.click();
  else if (event.key === "?") help.showModal();
});
document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); else open(); });
document.getElementById("pause")?.addEventListener("click", freeze);
document.getElementById("theme")?.addEventListener("click", otherTheme);
document.getElementById("keys")?.addEventListener("click", () => help.showModal());

firstTheme();
drawers = Object.fromEntries(panels.map((panel) =>
  [panel.id, DRAW[panel.dataset.draw](panel.querySelector(".body"), page)]));
open();
