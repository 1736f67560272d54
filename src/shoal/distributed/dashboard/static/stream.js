// The task stream: what ran where and when, moving with the time.

import { bytes, clip, clock, colour, count, seconds, style } from "./format.js";
import { canvas, hover } from "./element.js";

const NAMES = 74, AXIS = 20;

export function drawStream(body, page) {
  let data = null, offset = 0, drawn = [], shown = -1;
  const chart = canvas(body, draw, "Task stream: tasks by worker over time");

  function end() {
    return page.frozen() || data.still ? data.now : Date.now() / 1000 - offset;
  }

  function rows(height) {
    const lanes = [];
    for (const number of Object.keys(data.lanes).sort((a, b) => a - b)) {
      for (let lane = 0; lane < data.lanes[number]; lane++) lanes.push([Number(number), lane]);
    }
    const each = Math.max(2, Math.min(64, (height - AXIS) / Math.max(1, lanes.length)));
    const top = new Map();
    lanes.forEach(([number, lane], i) => top.set(`${number}/${lane}`, i * each));
    return { lanes, each, top };
  }

  function draw(g, width, height) {
    drawn = [];
    if (!data) return;
    const { lanes, each, top } = rows(height);
    const last = end(), first = last - data.window, scale = (width - NAMES) / data.window;
    const x = (t) => NAMES + (t - first) * scale;
    const bottom = Math.min(height - AXIS, lanes.length * each);
    g.fillStyle = style("--line");
    lanes.forEach(([number, lane], i) => { if (lane === 0 && each > 3) g.fillRect(0, i * each, width, 1); });
    axis(g, first, last, x, bottom, width);
    g.save();
    g.beginPath();
    g.rect(NAMES, 0, width - NAMES, height - AXIS);
    g.clip();
    for (const bar of Object.values(data.bars)) {
      const [number, lane, kind, start, stop, busy] = bar;
      const left = x(start), wide = Math.max(1, x(stop) - left);
      if (left > width || left + wide < NAMES) continue;
      const y = top.get(lane < 0 ? `${number}/0` : `${number}/${lane}`);
      if (y === undefined) continue;
      const move = lane < 0, tall = Math.max(1, move ? each / 4 : each - 2);
      const at = move ? y + each - tall - 1 : y + 1;
      g.globalAlpha = move ? 0.9 : 0.25 + 0.75 * busy;
      g.fillStyle = colour(kind);
      g.fillRect(left, at, wide, tall);
      drawn.push([left, at, wide, tall, bar]);
    }
    g.globalAlpha = 1;
    g.fillStyle = style("--text");
    for (const [number, time, kind, key] of Object.values(data.marks)) {
      const y = top.get(`${number}/0`);
      if (y === undefined) continue;
      g.fillRect(x(time) - 1.5, y, 3, Math.max(3, each - 1));
      drawn.push([x(time) - 4, y, 8, each, [number, -2, kind, time, time, 0, 1, key, 0]]);
    }
    g.restore();
    names(g, lanes, each);
    const left = data.workers - Object.keys(data.lanes).length;
    if (left > 0) {
      g.fillStyle = style("--muted");
      g.fillText(`and ${count(left)} more`, 2, height - AXIS / 2);
    }
    if (!Object.keys(data.bars).length) {
      g.fillStyle = style("--muted");
      g.fillText("No task has ended lately.", NAMES + 10, Math.max(12, bottom / 2));
    }
  }

  function names(g, lanes, each) {
    g.fillStyle = style("--muted");
    let free = -1;
    lanes.forEach(([number, lane], i) => {
      const y = i * each + Math.max(each / 2, 6);
      if (lane === 0 && y > free) {
        g.fillText(clip(data.names[number] ?? number, 11), 2, y);
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
      if (x(t) > NAMES) g.fillText(clock(t), x(t) - 24, bottom + AXIS / 2);
    }
  }

  hover(chart.node, (px, py) => {
    for (let i = drawn.length - 1; i >= 0; i--) {
      const [left, top, wide, tall, bar] = drawn[i];
      if (px < left - 1 || px > left + wide + 1 || py < top - 1 || py > top + tall + 1) continue;
      const [number, lane, kind, start, stop, busy, many, key, size] = bar;
      if (lane === -2) return [`${kind} failed`, key, clock(start)];
      const lines = [lane < 0 ? "transfer" : kind, many > 1 ? `${count(many)} tasks` : key,
        many > 1 ? `${seconds((stop - start) * busy)} busy in ${seconds(stop - start)}` : seconds(stop - start),
        `on ${data.names[number] ?? number}, ${clock(start)}`];
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
    const ahead = Date.now() / 1000 - data.now;
    if (!offset || Math.abs(ahead - offset) > 2 || ahead < offset) offset = ahead + 0.4;
    chart.redraw();
  };
}
