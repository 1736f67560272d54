// The task stream: what ran where and when, moving with the time.

import { bytes, clip, clock, colour, count, seconds, style } from "./format.js";
import { canvas, hover, make, setText } from "./element.js";

const NAMES = 74, AXIS = 20;
const WINDOWS = [5, 10, 20, 40, 120, 300, 900, 3600];

// Which stretch of time, and, where there are more workers than rows, which of them.
function choices(body, page) {
  let data = null;
  const zoom = (way) => {
    const at = WINDOWS.findIndex((w) => w >= Math.round(data.window));
    page.ask({ window: WINDOWS[Math.min(WINDOWS.length - 1, Math.max(0, (at < 0 ? WINDOWS.length - 1 : at) + way))] });
  };
  const turn = (way) => page.ask({ page: data.page + way });
  const button = (label, title, onclick) => make("button", { title, "aria-label": title, onclick }, label);
  const span = make("span"), where = make("span");
  const back = button("‹", "Workers before", () => turn(-1)), on = button("›", "Workers after", () => turn(1));
  const by = make("select", { "aria-label": "a row for each", onchange: () => page.ask({ by: by.value, page: "" }) },
    make("option", { value: "worker" }, "by worker"), make("option", { value: "host" }, "by host"));
  const match = make("input", { type: "search", placeholder: "filter", "aria-label": "only workers with this in their names",
    value: page.args.match ?? "", size: 8, onchange: () => page.ask({ match: match.value, page: "" }) });
  const many = make("span", { class: "group", hidden: "" }, match, by, back, where, on);
  body.parentElement.append(make("div", { class: "corner" }, many, make("span", { class: "group" },
    button("−", "A shorter time", () => zoom(-1)), span, button("+", "A longer time", () => zoom(1)))));
  return (next) => {
    data = next;
    setText(span, seconds(data.window));
    many.hidden = data.pages === 1 && data.by === "worker" && !page.args.match;
    const last = data.first + data.rows.length - 1;
    setText(where, data.total ? `${count(data.first)} to ${count(last)} of ${count(data.total)}` : "none");
    back.disabled = data.page === 1;
    on.disabled = data.page === data.pages;
    by.value = data.by;
  };
}

export function drawStream(body, page) {
  let data = null, offset = 0, drawn = [], shown = -1;
  const chart = canvas(body, draw, "Task stream: tasks by worker over time");
  const told = page.live ? choices(body, page) : () => {};

  function end() {
    return page.frozen() || data.still ? data.now : Date.now() / 1000 - offset;
  }

  function lanesOf(height) {
    const lanes = [], top = new Map();
    for (const [row, name, many] of data.rows) {
      for (let lane = 0; lane < many; lane++) lanes.push([row, name, lane]);
    }
    const each = Math.max(2, Math.min(100, (height - AXIS) / Math.max(1, lanes.length)));
    lanes.forEach(([row, , lane], i) => top.set(`${row}/${lane}`, i * each));
    return { lanes, each, top };
  }

  function draw(g, width, height) {
    drawn = [];
    if (!data) return;
    const { lanes, each, top } = lanesOf(height);
    const last = end(), first = last - data.window, scale = (width - NAMES) / data.window;
    const x = (t) => NAMES + (t - first) * scale;
    const bottom = lanes.length ? Math.min(height - AXIS, lanes.length * each) : height - AXIS;
    g.fillStyle = style("--line");
    lanes.forEach(([, , lane], i) => { if (lane === 0 && each > 3) g.fillRect(0, i * each, width, 1); });
    axis(g, first, last, x, bottom, width);
    g.save();
    g.beginPath();
    g.rect(NAMES, 0, width - NAMES, height - AXIS);
    g.clip();
    for (const bar of Object.values(data.bars)) {
      const [row, lane, kind, start, stop, busy] = bar;
      const left = x(start), wide = Math.max(1, x(stop) - left);
      if (left > width || left + wide < NAMES) continue;
      const y = top.get(lane < 0 ? `${row}/0` : `${row}/${lane}`);
      if (y === undefined) continue;
      const move = lane < 0, tall = Math.max(1, move ? each / 4 : each - 2);
      const at = move ? y + each - tall - 1 : y + 1;
      g.globalAlpha = move ? 0.9 : 0.25 + 0.75 * busy;
      g.fillStyle = colour(kind);
      g.fillRect(left, at, wide, tall);
      drawn.push([left, at, wide, tall, bar]);
    }
    g.globalAlpha = 1;
    marks(g, x, top, each);
    g.restore();
    names(g, lanes, each);
    if (!Object.keys(data.bars).length) {
      g.fillStyle = style("--muted");
      const why = data.rows.length ? "No task has ended lately." : data.total || page.args.match ? "No worker has such a name." : "There is no worker.";
      g.fillText(why, NAMES + 10, Math.max(12, bottom / 2));
    }
  }

  // A run that failed: a wedge at the top of its worker, of which the point is when.
  function marks(g, x, top, each) {
    const size = Math.max(2.5, Math.min(4.5, each / 3));
    g.fillStyle = style("--text");
    for (const [row, time, kind, key] of Object.values(data.marks)) {
      const y = top.get(`${row}/0`), at = x(time);
      if (y === undefined) continue;
      g.beginPath();
      g.moveTo(at - size, y);
      g.lineTo(at + size, y);
      g.lineTo(at, y + 1.6 * size);
      g.fill();
      drawn.push([at - size, y, 2 * size, 1.6 * size, [row, -2, kind, time, time, 0, 1, key, 0]]);
    }
  }

  function names(g, lanes, each) {
    g.fillStyle = style("--muted");
    let free = -1;
    lanes.forEach(([, name, lane], i) => {
      const y = i * each + Math.max(each / 2, 6);
      if (lane === 0 && y > free) {
        g.fillText(clip(name, 11), 2, y);
        free = y + 13;
      }
    });
  }

  function axis(g, first, last, x, bottom, width) {
    const step = [1, 2, 5, 10, 30, 60, 300, 600, 3600].find((s) => data.window / s <= width / 90) ?? 36000;
    for (let t = Math.ceil(first / step) * step; t < last; t += step) {
      g.fillStyle = style("--line");
      g.fillRect(x(t), 0, 1, bottom);
      g.fillStyle = style("--muted");
      if (x(t) > NAMES && x(t) + 26 < width) g.fillText(clock(t), x(t) - 24, bottom + AXIS / 2);
    }
  }

  hover(chart.node, (px, py) => {
    for (let i = drawn.length - 1; i >= 0; i--) {
      const [left, top, wide, tall, bar] = drawn[i];
      if (px < left - 1 || px > left + wide + 1 || py < top - 1 || py > top + tall + 1) continue;
      const [row, lane, kind, start, stop, busy, many, key, size] = bar;
      if (lane === -2) return [`${kind} failed`, key, clock(start)];
      const where = data.rows.find(([other]) => other === row)?.[1] ?? row;
      const lines = [lane < 0 ? "transfer" : kind, many > 1 ? `${count(many)} ${lane < 0 ? "transfers" : "tasks"}` : key,
        many > 1 ? `${seconds((stop - start) * busy)} busy in ${seconds(stop - start)}` : seconds(stop - start),
        `on ${where}, ${clock(start)}`];
      return size ? [...lines, bytes(size)] : lines;
    }
    return null;
  });

  function tick() {
    if (data && !page.frozen() && !data.still && document.visibilityState === "visible") {
      const at = Math.floor(end() * (body.clientWidth - NAMES) / data.window);
      if (at !== shown) { shown = at; chart.redraw(); }
    }
    requestAnimationFrame(tick);
  }
  requestAnimationFrame(tick);

  return (next) => {
    data = next;
    told(data);
    const ahead = Date.now() / 1000 - data.now;
    if (!offset || Math.abs(ahead - offset) > 2 || ahead < offset) offset = ahead + 0.4;
    chart.redraw();
  };
}
