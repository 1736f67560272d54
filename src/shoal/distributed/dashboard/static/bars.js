// Bars: how far each kind of task is, and what each worker has to do and to hold.

import { bytes, clip, colour, count, percent, seconds, style } from "./format.js";
import { canvas, hover, make, setText } from "./element.js";

export function drawProgress(body) {
  const rows = new Map();
  const list = make("div", { class: "progress" });
  body.append(list);
  return (data) => {
    const kinds = Object.entries(data.kinds);
    for (const name of [...rows.keys()]) {
      if (!(name in data.kinds)) { rows.get(name).row.remove(); rows.delete(name); }
    }
    for (const [name, kind] of kinds) {
      let row = rows.get(name);
      if (!row) {
        row = { name: make("span", { class: "name", title: name }, name), done: make("i"),
          run: make("i"), failed: make("i"), text: make("span", { class: "numbers" }) };
        row.row = make("div", { class: "row" }, row.name,
          make("span", { class: "bar" }, row.done, row.failed, row.run), row.text);
        rows.set(name, row);
        list.append(row.row);
      }
      const total = Math.max(1, kind.total);
      row.done.style.width = `${(100 * kind.done) / total}%`;
      row.done.style.background = colour(name);
      row.failed.style.width = `${(100 * kind.failed) / total}%`;
      row.failed.style.background = style("--bad");
      row.run.style.width = `${(100 * kind.sent) / total}%`;
      row.run.style.background = style("--run-soft");
      const left = kind.ready + kind.waiting + kind.sent;
      const eta = left && kind.eta_s !== null ? `, ${seconds(kind.eta_s)} left` : "";
      setText(row.text, `${count(kind.done)} / ${count(kind.total)}` +
        `${kind.failed ? `, ${count(kind.failed)} failed` : ""}${eta}`);
    }
    list.classList.toggle("empty", !kinds.length);
  };
}

const byName = ([, a], [, b]) => String(a.name).localeCompare(String(b.name), "en", { numeric: true });

function rowsOf(body, label, parts, text, tip) {
  let data = null, drawn = [];
  const chart = canvas(body, draw, label);
  function draw(g, width, height) {
    drawn = [];
    if (!data) return;
    const workers = Object.entries(data.workers).sort(byName);
    if (workers.length * 3 > height) { skyline(g, width, height, workers); return; }
    const each = Math.max(3, Math.min(26, height / Math.max(1, workers.length)));
    const fits = Math.min(workers.length, Math.floor(height / each));
    const left = each >= 12 ? 80 : 4, right = each >= 12 ? 120 : 4;
    const most = Math.max(1e-9, ...workers.map(([, w]) => Math.max(...scale(w))));
    const wide = Math.max(10, width - left - right);
    workers.slice(0, fits).forEach(([number, worker], i) => {
      const y = i * each, tall = Math.max(1, each - Math.min(4, each / 3));
      g.fillStyle = style("--ground");
      g.fillRect(left, y, wide, tall);
      let x = left;
      for (const [value, name, alpha] of parts(worker)) {
        const part = (wide * value) / most;
        g.globalAlpha = alpha ?? 1;
        g.fillStyle = style(name);
        g.fillRect(x, y, part, tall);
        g.globalAlpha = 1;
        x += part;
      }
      for (const mark of marks(worker)) {
        g.fillStyle = style("--text");
        g.fillRect(left + (wide * mark) / most - 1, y, 1.5, tall);
      }
      if (each >= 12) {
        g.fillStyle = style(worker.status === "running" ? "--muted" : "--bad");
        g.fillText(clip(worker.name, 12), 2, y + tall / 2);
        g.fillStyle = style("--text");
        g.fillText(text(worker), left + wide + 6, y + tall / 2);
      }
      drawn.push([y, each, worker]);
    });
    if (fits < workers.length) {
      g.fillStyle = style("--muted");
      g.fillText(`and ${workers.length - fits} more`, 4, height - 8);
    }
    if (!workers.length) {
      g.fillStyle = style("--muted");
      g.fillText("There is no worker.", 8, 14);
    }
  }
  // Too many for a row each: a column each, the fullest first.
  function skyline(g, width, height, workers) {
    const sums = new Map(workers.map(([number, w]) => [number, parts(w).reduce((sum, [value]) => sum + value, 0)]));
    workers.sort((a, b) => sums.get(b[0]) - sums.get(a[0]));
    const most = Math.max(1e-9, ...workers.map(([, w]) => Math.max(...scale(w)))), each = width / workers.length;
    const tall = height - 18;
    workers.forEach(([number, worker], i) => {
      let y = tall;
      for (const [value, name, alpha] of parts(worker)) {
        const part = (tall * value) / most;
        g.globalAlpha = alpha ?? 1;
        g.fillStyle = style(name);
        g.fillRect(i * each, y - part, Math.max(each, 0.7), part);
        y -= part;
      }
      g.globalAlpha = 1;
      drawn.push([i * each, each, worker, true]);
    });
    g.fillStyle = style("--muted");
    g.fillText(`${count(workers.length)} workers, the fullest with ${text(workers[0][1])}`, 2, height - 8);
  }
  const scale = (w) => [parts(w).reduce((sum, [value]) => sum + value, 0), ...marks(w)];
  const marks = (w) => (w.limit ? [w.limit] : []);
  hover(chart.node, (x, y) => {
    const found = drawn.find(([first, each, , across]) => (across ? x : y) >= first && (across ? x : y) < first + each);
    return found ? tip(found[2]) : null;
  });
  return (next) => {
    data = next;
    body.style.setProperty("--rows", Object.keys(data.workers).length);
    chart.redraw();
  };
}

export function drawProcessing(body) {
  return rowsOf(body, "Tasks at each worker",
    (w) => [[w.executing, "--run"], [w.waiting, "--ready"], [w.queued, "--wait", 0.6]],
    (w) => `${count(w.executing)} run, ${count(w.waiting + w.queued)} wait`,
    (w) => [w.name, `${count(w.executing)} of ${w.threads} threads run a task`,
      `${count(w.waiting)} sent ahead, ${count(w.queued)} queued for it`, w.status]);
}

export function memoryColour(worker) {
  const share = (worker.managed + worker.unmanaged) / (worker.limit || Infinity);
  return worker.status === "paused" || share > 0.8 ? "--bad" : share > 0.6 ? "--warn" : "--run";
}

export function drawMemory(body) {
  return rowsOf(body, "Memory of each worker",
    (w) => [[w.managed, memoryColour(w)], [w.unmanaged, memoryColour(w), 0.45], [w.spilled, "--wait", 0.8]],
    (w) => bytes(w.managed + w.unmanaged) + (w.spilled ? ` + ${bytes(w.spilled)}` : ""),
    (w) => [w.name, `${bytes(w.managed)} results in memory`, `${bytes(w.unmanaged)} of the process beside`,
      `${bytes(w.spilled)} on disk`,
      w.limit ? `limit ${bytes(w.limit)} (${percent((w.managed + w.unmanaged) / w.limit)})` : "no limit", w.status]);
}
