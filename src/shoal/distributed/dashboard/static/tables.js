// Tables that can be sorted and filtered; rows keep their place in the document while cells change.

import { bytes, clip, clock, colour, count, percent, seconds, style } from "./format.js";
import { make, setText } from "./element.js";

const MOST = 300;

// columns: [field, title, format, class, explanation]; `rows` gives the dictionary of rows from the data.
export function table(body, columns, rows, sort, onRow) {
  let order = sort, data = {}, filter = "";
  const filterBox = make("input", { type: "search", placeholder: "filter  ( / )", "aria-label": "filter",
    oninput: () => { filter = filterBox.value.toLowerCase(); draw(); } });
  const heads = columns.map(([field, title, , kind, told]) => make("th", { class: kind ?? "number", tabindex: 0,
    title: told ? `${told}; click to sort` : "sort", onclick: () => { order = [field, order[0] === field ? -order[1] : -1]; draw(); },
    onkeydown: (event) => { if (event.key === "Enter") event.target.click(); } }, title));
  const list = make("tbody");
  const note = make("p", { class: "muted" });
  body.append(filterBox, make("div", { class: "scroll" },
    make("table", {}, make("thead", {}, make("tr", {}, ...heads)), list)), note);
  const made = new Map();

  function draw() {
    let found = Object.entries(data);
    if (filter) found = found.filter(([key, row]) => `${key} ${Object.values(row).join(" ")}`.toLowerCase().includes(filter));
    const [field, way] = order;
    const value = ([key, row]) => (field === "key" ? key : row[field]);
    found.sort((a, b) => {
      const x = value(a) ?? -Infinity, y = value(b) ?? -Infinity;
      return way * (typeof x === "number" && typeof y === "number" ? x - y
        : String(x).localeCompare(String(y), "en", { numeric: true }));
    });
    heads.forEach((head, i) => head.setAttribute("aria-sort",
      columns[i][0] === field ? (way > 0 ? "ascending" : "descending") : "none"));
    const shown = found.slice(0, MOST);
    const keys = new Set(shown.map(([key]) => key));
    for (const [key, row] of made) if (!keys.has(key)) { row.node.remove(); made.delete(key); }
    let before = null;
    for (const [key, row] of shown) {
      let entry = made.get(key);
      if (!entry) {
        const cells = columns.map(([, , , kind]) => make("td", { class: kind ?? "number" }));
        entry = { node: make("tr", {}, ...cells), cells };
        made.set(key, entry);
      }
      columns.forEach(([name, , format], i) => {
        const raw = name === "key" ? key : row[name];
        const text = format ? format(raw, row, entry.cells[i]) : raw ?? "";
        if (typeof text === "string" || typeof text === "number") setText(entry.cells[i], String(text));
      });
      onRow?.(entry.node, row, key);
      const next = before ? before.nextSibling : list.firstChild;
      if (entry.node !== next) list.insertBefore(entry.node, next);
      before = entry.node;
    }
    setText(note, found.length > MOST ? `${count(found.length - MOST)} more` : found.length ? "" : "nothing yet");
  }
  return (next) => { data = rows(next); draw(); };
}

// A cell with a bar behind its text.
function barCell(cell, share, name) {
  cell.classList.add("barcell");
  cell.style.setProperty("--share", `${Math.max(0, Math.min(1, share)) * 100}%`);
  cell.style.setProperty("--fill", style(name));
}

export function drawWorkers(body, page) {
  return table(body, [
    ["name", "name", (v) => clip(v, 24), "text"], ["status", "status", null, "text"],
    ["host", "host", (v) => clip(v, 20), "text"], ["pid", "pid"],
    ["cpu", "CPU", (v, row, cell) => { barCell(cell, v / 100 / row.threads, "--run-soft"); return percent(v / 100); }],
    ["memory", "memory", (v, row, cell) => {
      const share = row.limit ? v / row.limit : 0;
      barCell(cell, share, share > 0.8 ? "--bad-soft" : share > 0.6 ? "--warn-soft" : "--run-soft");
      return bytes(v);
    }],
    ["limit", "limit", (v) => (v ? bytes(v) : "none")], ["managed", "in results", bytes, "number", "memory of results"],
    ["spilled", "on disk", bytes, "number", "results on disk"],
    ["held", "results", count, "number", "results that it holds"],
    ["executing", "run", (v, row) => `${v} / ${row.threads}`, "number", "tasks that run, of its threads"],
    ["sent", "sent", count, "number", "tasks that it has been sent"], ["queued", "queued", count, "number", "tasks that wait for it at the scheduler"],
    ["ran_s", "computed", seconds, "number", "time of all its runs, in this job"],
    ["gil", "waits for GIL", percent, "number", "how often a thread had to wait for the interpreter's lock"],
    ["failed", "failed", count, "number", "runs that failed, in this job"],
    ["heard_s", "heard", (v) => `${v.toFixed(1)} s`, "number", "since its last sign of life"],
    ["address", "", (v, row, cell) => {
      if (page.live && !cell.firstChild) {
        cell.append(make("button", { title: `Retire ${row.name}: its results move away first`,
          onclick: () => page.act("retire", { worker: row.address }, `Retire ${row.name}?`) }, "retire"));
      }
      return null;
    }, "text"],
  ], (data) => data.workers, ["name", 1], (node, row) => node.classList.toggle("bad", row.status !== "running"));
}

export function drawKinds(body) {
  return table(body, [
    ["key", "kind", (v, row, cell) => { cell.style.boxShadow = `inset 5px 0 ${colour(v)}`; cell.title = v; return clip(v, 40); }, "text kind"],
    ["share", "of all time", (v, row, cell) => { barCell(cell, v, "--run-soft"); return percent(v); }],
    ["total_s", "time", seconds], ["done", "done", count], ["sent", "run", count], ["ready", "ready", count],
    ["waiting", "wait", count], ["memory", "in memory", count], ["failed", "failed", count], ["retried", "tried again", count],
    ["seconds", "mean", seconds],
    ["longest_s", "longest", (v, row, cell) => { cell.title = row.longest_key; return seconds(v); }],
    ["nbytes", "result", bytes], ["largest", "largest", bytes], ["peak", "peak memory", (v) => (v ? bytes(v) : "")],
  ], (data) => data.kinds, ["total_s", -1]);
}

export function drawTransfers(body) {
  return table(body, [["from", "from", null, "text"], ["to", "to", null, "text"], ["nbytes", "moved", bytes]],
    (data) => data.pairs, ["nbytes", -1]);
}

export function drawHoldings(body) {
  const one = make("div", { class: "half" }), two = make("div", { class: "half" });
  body.append(make("div", { class: "halves" }, one, two));
  const kinds = table(one, [["key", "kind", (v) => clip(v, 40), "text"], ["nbytes", "bytes", bytes], ["count", "results", count]],
    (data) => data.kinds, ["nbytes", -1]);
  const largest = table(two, [["key", "largest results", (v) => clip(v, 60), "text"], ["nbytes", "bytes", bytes],
    ["kind", "kind", (v) => clip(v, 20), "text"]], (data) => data.largest, ["nbytes", -1]);
  return (data) => { kinds(data); largest(data); };
}

export function drawEvents(body) {
  // {action: "worker-added", name: "3"} as "worker-added · name 3".
  const told = (value) => (value === null || typeof value !== "object" || Array.isArray(value) ? plain(value)
    : Object.entries(value).map(([name, part]) => (name === "action" ? plain(part) : `${name} ${plain(part)}`)).join(" · "));
  const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return table(body, [["time", "time", clock, "text"], ["topic", "topic", null, "text"], ["value", "event", null, "text wide"]],
    (data) => Object.fromEntries(data.events.map(([time, topic, value], i) => [i, { time, topic, value: told(value) }])), ["time", -1]);
}
