// Panels of words: the head, what to look at, errors, logs, one task.

import { bytes, clock, count, percent, seconds, short } from "./format.js";
import { make, setText } from "./element.js";

export function drawSummary(body) {
  const cells = new Map();
  const list = make("dl", { class: "numbers" });
  body.append(list);
  function put(name, value, bad = false) {
    if (!cells.has(name)) {
      const cell = make("dd");
      cells.set(name, cell);
      list.append(make("div", {}, make("dt", {}, name), cell));
    }
    setText(cells.get(name), value);
    cells.get(name).classList.toggle("bad", bad);
  }
  return (d) => {
    put("workers", `${count(d.workers)} (${count(d.threads)} threads)`, d.workers === 0);
    put("tasks that run", `${count(d.running)}`);
    put("to do", `${d.complete ? "" : "about "}${count(d.left)}`);
    put("done", count(d.done));
    put("failed", count(d.failed), d.failed > 0);
    put("time left", d.left && d.eta_s !== null ? seconds(d.eta_s) : "");
    put("tasks a second", short(d.rate));
    put("CPU", percent(d.cpu / 100 / Math.max(1, d.threads)));
    put("memory", d.limit ? `${bytes(d.memory)} of ${bytes(d.limit)}` : bytes(d.memory), d.paused > 0);
    put("on disk", bytes(d.spilled), d.spilled > 0);
    put("moved a second", bytes(d.network));
  };
}

export function drawAnswers(body, page) {
  const list = make("div", { class: "answers" });
  body.append(list);
  return (data) => {
    const found = Object.entries(data.findings);
    list.replaceChildren(...(found.length ? found.map(([name, f]) => make("article", { "data-finding": name },
      make("b", {}, f.title, " "), make("span", {}, f.says, " "), make("em", {}, f.advice, " "),
      page.live ? make("a", { href: `${page.root}${f.page}` }, `see ${f.page}`) : "")) : [make("p", { class: "muted" },
      "Nothing stands out: no slow worker, no skew, no spilling, no failures.")]));
  };
}

export function drawFacts(body) {
  const units = { cpu_s: seconds, loop_s: seconds, memory: bytes, bandwidth: (v) => `${bytes(v)} a second`, up_s: seconds,
    tasks: count };
  const names = { cpu_s: "CPU time", loop_s: "CPU time of the loop", fds: "open descriptors", up_s: "up for", id: "identity" };
  const list = make("dl", { class: "facts" });
  body.append(list);
  return (data) => list.replaceChildren(...Object.entries(data).flatMap(([name, value]) => [
    make("dt", {}, names[name] ?? name),
    make("dd", {}, units[name] ? units[name](value) : Array.isArray(value) ? value.join(", ") : String(value))]));
}

export function drawErrors(body, page) {
  const list = make("div", { class: "errors" });
  const made = new Map();
  body.append(list);
  function copy(text, button) {
    const done = () => { setText(button, "copied"); setTimeout(() => setText(button, "copy the replay command"), 3000); };
    navigator.clipboard?.writeText(text).then(done, () => window.prompt("Copy:", text));
  }
  return (data) => {
    const found = Object.entries(data.errors).sort((a, b) => b[0] - a[0]);
    for (const [id, node] of made) if (!(id in data.errors)) { node.remove(); made.delete(id); }
    for (const [id, e] of found.reverse()) {
      if (made.has(id)) continue;
      const button = make("button", { onclick: () => copy(e.replay, button), title: e.replay }, "copy the replay command");
      const node = make("details", {}, make("summary", {}, make("span", { class: "muted" }, `${clock(e.time)} `),
        make("b", {}, e.kind, " "), make("span", { class: "bad" }, e.error),
        make("span", { class: "muted" }, ` on ${e.worker}${e.tries ? `, try ${e.tries + 1}` : ""}${e.again ? ", tried again" : ""}`)),
      make("p", {}, "task ", make("code", {}, e.key)), make("pre", {}, e.trace || e.error), button,
      e.again || !page.live ? "" : make("button", { onclick: () => page.act("retry", { key: e.key }, "Run it again?") }, "run it again"));
      made.set(id, node);
      list.prepend(node);
    }
    if (!found.length && !list.firstChild) list.append(make("p", { class: "muted" }, "No task has failed."));
    else if (found.length) list.querySelector("p.muted:only-child")?.remove();
  };
}

export function drawLogs(body, page) {
  let data = {}, filter = (page.args.filter ?? "").toLowerCase(), who = "";
  const choice = make("select", { "aria-label": "whose", onchange: () => { who = choice.value; draw(); } });
  const box = make("input", { type: "search", placeholder: "filter, such as a key  ( / )", "aria-label": "filter",
    value: page.args.filter ?? "", oninput: () => { filter = box.value.toLowerCase(); draw(); } });
  const text = make("pre", { class: "log", tabindex: 0 });
  body.append(make("div", { class: "controls" }, choice, box), text);
  function draw() {
    const lines = [];
    for (const [name, found] of Object.entries(data)) {
      if (who && name !== who) continue;
      for (const [level, line] of found) {
        if (!filter || `${level} ${line}`.toLowerCase().includes(filter)) lines.push(`${name}  ${level}  ${line}`);
      }
    }
    setText(text, lines.join("\n") || "nothing was logged");
  }
  return (next) => {
    data = next.logs ?? {};
    const names = ["", ...Object.keys(data)];
    if (choice.children.length !== names.length) {
      choice.replaceChildren(...names.map((name) => make("option", { value: name }, name || "all")));
      choice.value = names.includes(who) ? who : "";
    }
    draw();
  };
}

export function drawInfo(body, page) {
  const box = make("input", { type: "search", placeholder: "key of a task, or how it begins  ( / )", "aria-label": "key",
    value: page.args.key ?? "", size: 50 });
  const form = make("form", { class: "controls", onsubmit: (event) => { event.preventDefault(); page.ask({ key: box.value }); } },
    box, make("button", {}, "Look"));
  const out = make("div", { class: "task" });
  body.append(form, out);
  const shown = ["state", "worker", "where", "prefix", "type", "nbytes", "expected_s", "tries", "deaths", "dependents", "clients", "priority"];
  return (data) => {
    const t = data.task;
    if (!t) { out.replaceChildren(make("p", { class: "muted" }, "Give a key: it says where the task is, and why it is not further.")); return; }
    out.replaceChildren(make("h3", {}, t.key), make("p", { class: "why" }, t.why),
      make("dl", { class: "facts" }, ...shown.filter((name) => t[name] !== undefined && String(t[name]) !== "").flatMap((name) => [
        make("dt", {}, name), make("dd", {}, name === "nbytes" ? bytes(t[name]) : name === "expected_s" ? seconds(t[name])
          : Array.isArray(t[name]) ? t[name].join(", ") : String(t[name]))])),
      make("table", {}, make("tbody", {}, ...(t.story ?? []).map(([time, what, whom]) =>
        make("tr", {}, make("td", {}, clock(time)), make("td", {}, what), make("td", {}, String(whom)))))),
      make("p", {}, make("button", { onclick: () => page.act("cancel", { key: t.key }, "Cancel it?") }, "cancel"), " ",
        make("a", { href: `${page.root}logs?filter=${encodeURIComponent(t.key)}` }, "its lines in the logs"), " ",
        t.state === "erred" ? make("button", { onclick: () => page.act("retry", { key: t.key }, "Run it again?") }, "run it again") : ""));
  };
}
