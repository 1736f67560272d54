// Dark or light: as the system has it, until somebody chooses.

import { forgetStyles } from "./format.js";

export function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  forgetStyles();
  document.dispatchEvent(new Event("themechange"));
}

export function otherTheme() {
  const now = document.documentElement.dataset.theme
    ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  try { localStorage.setItem("shoal-theme", next); } catch { /* a private window */ }
  setTheme(next);
}

export function firstTheme() {
  let kept = null;
  try { kept = localStorage.getItem("shoal-theme"); } catch { /* a private window */ }
  setTheme(kept);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(null));
}
