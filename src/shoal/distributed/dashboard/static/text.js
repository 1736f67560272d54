// Panels of words: the head, what to look at, errors, logs, one task.

import { bytes, clip, clock, count, percent, seconds, short } from "./format.js";
import { facts, make, setText } from "./element.js";

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
    tasks: count, clients: (v) => v.join(", ") };
  const names = { cpu_s: "CPU time", loop_s: "loop was busy for", fds: "open descriptors", up_s: "up for", id: "identity",
    pid: "process", python: "Python", bandwidth: "measured bandwidth" };
  return (data) => body.replaceChildren(facts(Object.entries(data).map(([name, value]) =>
    [names[name] ?? name, (units[name] ?? String)(value)])));
}

export function drawErrors(body, page) {
  const totals = make("p", { class: "totals" }), list = make("div", { class: "errors" });
  const made = new Map();
  body.append(totals, list);
  function copy(text, button) {
    const done = () => { setText(button, "copied"); setTimeout(() => setText(button, "copy the replay command"), 3000); };
    navigator.clipboard?.writeText(text).then(done, () => window.prompt("Copy:", text));
  }
  function entry(e) {
    const button = make("button", { onclick: () => copy(e.replay, button), title: e.replay }, "copy the replay command");
    const again = make("button", { onclick: () => page.act("retry", { key: e.key }, "Run it again?") }, "run it again");
    const tried = e.again ? "tried again" : e.tries ? `given up after ${e.tries + 1} tries` : "";
    return make("details", {}, make("summary", {}, make("span", { class: "muted" }, `${clock(e.time)} `), make("b", {}, e.kind, " "),
      make("span", { class: e.again ? "" : "bad" }, e.error), make("span", { class: "muted" }, ` on ${e.worker}${tried && `, ${tried}`}`)),
    make("p", {}, "task ", page.live ? make("a", { href: `${page.root}info?key=${encodeURIComponent(e.key)}` }, make("code", {}, e.key))
      : make("code", {}, e.key)), make("pre", {}, e.trace || e.error), button, " ", e.again || !page.live ? "" : again);
  }
  return (data) => {
    const kinds = Object.entries(data.totals).sort((a, b) => b[1][0] - a[1][0]);
    setText(totals, kinds.length ? kinds.map(([kind, [failed, again]]) => `${kind}: ${count(failed)} runs failed` +
      `${again ? `, ${count(again)} were tried again` : ""}`).join("; ") : made.size ? "" : "No task has failed.");
    for (const [id, node] of made) if (!(id in data.errors)) { node.remove(); made.delete(id); }
    for (const [id, e] of Object.entries(data.errors).sort((a, b) => a[0] - b[0])) {
      if (made.has(id)) continue;
      made.set(id, entry(e));
      list.prepend(made.get(id));
    }
  };
}

export function drawLogs(body, page) {
  let lines = {}, filter = (page.args.filter ?? "").toLowerCase(), who = "", asked = filter;
  const choice = make("select", { "aria-label": "whose", onchange: () => { who = choice.value; draw(); } });
  const box = make("input", { type: "search", placeholder: "filter, such as a key  ( / )", "aria-label": "filter", size: 40,
    value: page.args.filter ?? "", oninput: () => { filter = box.value.toLowerCase(); draw(); },
    // All that is kept is looked through there, not only what is here.
    onchange: () => { if (box.value !== asked) { asked = box.value; page.ask({ filter: asked }); } } });
  const table = make("tbody"), note = make("p", { class: "muted" });
  if (page.live) body.append(make("div", { class: "controls" }, choice, box));
  body.append(make("div", { class: "scroll logs", tabindex: 0, "aria-label": "lines, newest first" }, make("table", {}, table)), note);
  const made = new Map();
  function rowOf([time, name, level, key, text]) {
    return make("tr", { class: level.toLowerCase() }, make("td", { class: "muted" }, clock(time)), make("td", { class: "muted" }, name),
      make("td", {}, level), make("td", {}, !key ? "" : page.live ? make("a", { href: `${page.root}info?key=${encodeURIComponent(key)}`,
        title: key }, clip(key, 28)) : clip(key, 28)), make("td", { class: "wide" }, text));
  }
  function draw() {
    const found = Object.entries(lines).filter(([, [, name, level, key, text]]) => (!who || name === who)
      && (!filter || `${name} ${level} ${key} ${text}`.toLowerCase().includes(filter))).sort((a, b) => b[1][0] - a[1][0]).slice(0, 500);
    const ids = new Set(found.map(([id]) => id));
    for (const [id, node] of made) if (!ids.has(id)) { node.remove(); made.delete(id); }
    let before = null;
    for (const [id, line] of found) {
      if (!made.has(id)) made.set(id, rowOf(line));
      const next = before ? before.nextSibling : table.firstChild;
      if (made.get(id) !== next) table.insertBefore(made.get(id), next);
      before = made.get(id);
    }
    setText(note, found.length ? "" : filter || who ? "No line has this." : "Nothing was logged.");
  }
  return (data) => {
    lines = data.lines;
    const names = ["", ...new Set(Object.values(lines).map(([, name]) => name).sort((a, b) => a.localeCompare(b, "en", { numeric: true })))];
    if (choice.children.length !== names.length) {
      choice.replaceChildren(...names.map((name) => make("option", { value: name }, name || "all")));
      choice.value = names.includes(who) ? who : "";
    }
    draw();
  };
}

const OF_A_TASK = [["state", "state"], ["host", "host"], ["pid", "process"], ["worker", "worker"], ["where", "result on"], ["prefix", "kind"], ["type", "type of the result"],
  ["nbytes", "size of the result", bytes], ["expected_s", "takes about", seconds], ["tries", "failed before", (n) => `${count(n)} times`],
  ["deaths", "workers that died with it"], ["dependents", "tasks that need it", count], ["clients", "wanted by"], ["priority", "priority"]];

export function drawInfo(body, page) {
  const box = make("input", { type: "search", placeholder: "key of a task, or how it begins, or a worker  ( / )", "aria-label": "key",
    value: page.args.key ?? "", size: 50 });
  const form = make("form", { class: "controls", onsubmit: (event) => { event.preventDefault(); page.ask({ key: box.value }); } },
    box, make("button", {}, "Look"));
  const out = make("div", { class: "task" });
  body.append(form, out);
  const told = (value, unit) => (Array.isArray(value) ? value.join(", ") : unit ? unit(value) : String(value));
  const button = (label, name, question, t) => make("button", { onclick: () => page.act(name, { key: t.key }, question) }, label);
  return (data) => {
    const t = data.task;
    if (!t) { out.replaceChildren(make("p", { class: "muted" }, "Give a key: it says where the task is, and why it is not further; or the name of a worker.")); return; }
    const about = t.about === "worker";
    const known = OF_A_TASK.filter(([name]) => t[name] !== undefined && t[name] !== 0 && String(t[name]) !== "");
    out.replaceChildren(make("h3", {}, about ? `Worker ${t.key}` : t.key ?? data.key), make("p", { class: "why" }, t.why),
      facts(known.map(([name, label, unit]) => [label, told(t[name], unit)])),
      make("table", {}, make("tbody", {}, ...(t.story ?? []).map(([time, what, whom]) =>
        make("tr", {}, make("td", {}, clock(time)), make("td", {}, what), make("td", {}, String(whom)))))),
      ...(t.state === "forgotten" || about ? [] : [make("p", {}, button("cancel", "cancel", "Cancel it?", t), " ",
        t.state === "erred" ? button("run it again", "retry", "Run it again?", t) : "", " ",
        make("a", { href: `${page.root}logs?filter=${encodeURIComponent(t.key)}` }, "its lines in the logs"))]));
  };
}
