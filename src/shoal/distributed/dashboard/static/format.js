// Numbers as people read them, and colours: the same kind of task has the same colour everywhere.

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(n) {
  if (n === null || n === undefined) return "";
  let unit = 0;
  while (Math.abs(n) >= 1024 && unit < BYTES.length - 1) { n /= 1024; unit += 1; }
  return `${unit === 0 || Math.abs(n) >= 100 ? Math.round(n) : n.toFixed(1)} ${BYTES[unit]}`;
}

export function seconds(s) {
  if (s === null || s === undefined) return "";
  const a = Math.abs(s);
  if (a === 0) return "0";
  if (a < 1e-3) return `${(s * 1e6).toFixed(0)} us`;
  if (a < 1) return `${(s * 1e3).toFixed(a < 0.01 ? 1 : 0)} ms`;
  if (a < 60) return `${s.toFixed(a < 10 ? 1 : 0)} s`;
  if (a < 3600) return `${Math.floor(s / 60)} m ${Math.round(s % 60)} s`;
  if (a < 86400) return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} m`;
  return `${(s / 86400).toFixed(1)} d`;
}

export function count(n) {
  return n === null || n === undefined ? "" : Math.round(n).toLocaleString("en");
}

export function short(n) {
  const a = Math.abs(n);
  if (a >= 1e6) return `${(n / 1e6).toFixed(1)}M`;
  if (a >= 1e4) return `${(n / 1e3).toFixed(0)}k`;
  return a >= 10 || a === Math.round(a) ? String(Math.round(n)) : n.toFixed(1);
}

export function percent(x) {
  return x === null || x === undefined ? "" : `${Math.round(100 * x)} %`;
}

export function clock(t) {
  return new Date(1000 * t).toTimeString().slice(0, 8);
}

export function clip(text, length) {
  text = String(text);
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

// Twelve hues that stay apart for most eyes, on dark and on light ground.
const PALETTE = ["#3b8fd6", "#e08a2e", "#35a876", "#b06bc9", "#c9a227", "#4db6c2", "#d2668f",
  "#7d8fe0", "#86a83a", "#b5795c", "#5f9ea0", "#9c7bd1"];
const seen = new Map();

export function colour(kind) {
  if (kind === "transfer") return style("--bad");
  let found = seen.get(kind);
  if (found === undefined) {
    let hash = 2166136261;
    for (let i = 0; i < kind.length; i++) hash = Math.imul(hash ^ kind.charCodeAt(i), 16777619);
    let at = (hash >>> 0) % PALETTE.length;
    const taken = new Set(seen.values());
    for (let i = 0; i < PALETTE.length && taken.has(PALETTE[at]); i++) at = (at + 1) % PALETTE.length;
    found = PALETTE[at];
    seen.set(kind, found);
  }
  return found;
}

let cache = {};
export function style(name) {
  cache[name] ??= getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return cache[name];
}
export function forgetStyles() { cache = {}; }

export const STATES = ["memory", "released", "sent", "ready", "waiting", "erred"];
export function stateColour(state) {
  return { memory: style("--good"), released: style("--done"), sent: style("--run"),
    ready: style("--ready"), waiting: style("--wait"), erred: style("--bad"),
    put: style("--wait") }[state] ?? style("--wait");
}
