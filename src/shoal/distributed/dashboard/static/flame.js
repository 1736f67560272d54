// A flame graph: widths are shares of the samples, what was called stands below its caller.

import { brush } from "./brush.js";
import { clip, count, percent, style } from "./format.js";
import { canvas, hover, make } from "./element.js";

const TALL = 19;
const WARM = ["#d9772b", "#e0913c", "#d8a13a", "#c9803f", "#e3a85b", "#cf6f3d"];
const SOURCES = [["tasks", "Tasks"], ["scheduler", "Scheduler"], ["workers", "Workers' own threads"]];

export function drawFlame(body, page) {
  let data = null, from = 0, many = 0, zoomed = null, chosen = null, drawn = [];
  const source = make("select", { "aria-label": "whose", onchange: () => page.ask({ source: source.value }) },
    ...SOURCES.map(([value, label]) => make("option", { value, selected: page.args.source === value ? "" : null }, label)));
  const back = make("button", { onclick: () => zoom(null), title: "Escape" }, "Whole graph");
  const note = make("span", { class: "muted", "aria-live": "polite" });
  const box = make("div", { class: "fill" });
  let times = null;
  if (page.live) {
    body.append(make("div", { class: "controls" }, source, back, note));
    times = brush(body, page.args, (start, stop) => page.ask({ start: start || "", stop: stop || "" }));
  }
  body.append(box);
  const chart = canvas(box, draw, "Flame graph. Keys: arrows move, Enter zooms, Escape shows all");
  chart.node.tabIndex = 0;

  const same = (a, b) => a && b && a[0] === b[0] && a[1] === b[1] && a[3] === b[3];
  function zoom(frame) { zoomed = frame; chart.redraw(); }

  function colourOf(name) {
    let hash = 0;
    for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
    return WARM[Math.abs(hash) % WARM.length];
  }

  function draw(g, width, height) {
    drawn = [];
    if (!data) return;
    from = zoomed ? zoomed[4] : 0;
    many = zoomed ? zoomed[5] : data.count;
    back.hidden = !zoomed;
    note.textContent = told();
    if (!data.count) {
      g.fillStyle = style("--muted");
      g.fillText("No samples: stacks are looked at while something runs.", 8, 14);
      return;
    }
    for (const frame of data.frames) {
      const [name, , , depth, first, samples] = frame;
      const x = ((first - from) / many) * width, wide = (samples / many) * width;
      if (x + wide < 0 || x > width || wide < 0.6) continue;
      const left = Math.max(0, x), shown = Math.min(width, x + wide) - left, y = depth * TALL;
      if (y > height) continue;
      g.fillStyle = colourOf(name);
      g.globalAlpha = zoomed && samples > many ? 0.45 : 1;
      g.fillRect(left, y, Math.max(0.6, shown - 1), TALL - 1);
      g.globalAlpha = 1;
      if (shown > 34) {
        g.fillStyle = "#1c1207";
        g.fillText(clip(name, Math.floor(shown / 6.6)), left + 4, y + TALL / 2);
      }
      if (same(frame, chosen)) {
        g.strokeStyle = style("--text");
        g.lineWidth = 2;
        g.strokeRect(left + 1, y + 1, Math.max(2, shown - 3), TALL - 3);
      }
      drawn.push([left, y, shown, frame]);
    }
  }

  function told() {
    if (chosen) return linesOf(chosen).filter(Boolean).join(" · ");
    const span = times ? ` in ${times.said()}` : "";
    return data.count ? `${count(data.count)} samples${span}${zoomed ? `, ${percent(many / data.count)} here` : ""}` : "";
  }

  function linesOf([name, file, line, , , samples, own]) {
    return [name, file ? `${file}:${line}` : "", `${percent(samples / data.count)} (${count(samples)} samples)`,
      `${percent(own / data.count)} in itself`];
  }

  // The frame that the keyboard goes to: the caller, what it calls most, the one beside it.
  function next(key) {
    const frames = data.frames, here = chosen && frames.find((f) => same(f, chosen));
    if (!here) return frames.find((f) => f[3] === 0);
    const [, , , depth, first, samples] = here;
    if (key === "ArrowUp") return frames.find((f) => f[3] === depth - 1 && f[4] <= first && f[4] + f[5] >= first + samples);
    if (key === "ArrowDown") return frames.find((f) => f[3] === depth + 1 && f[4] >= first && f[4] < first + samples);
    const row = frames.filter((f) => f[3] === depth).sort((a, b) => a[4] - b[4]);
    return row[row.indexOf(here) + (key === "ArrowRight" ? 1 : -1)];
  }

  function at(x, y) { return drawn.find(([left, top, wide]) => x >= left && x < left + wide && y >= top && y < top + TALL)?.[3]; }
  chart.node.addEventListener("click", (event) => zoom(at(event.offsetX, event.offsetY) ?? null));
  chart.node.addEventListener("keydown", (event) => {
    if (!data) return;
    if (event.key.startsWith("Arrow")) chosen = next(event.key) ?? chosen;
    else if (event.key === "Enter" && chosen) zoomed = chosen;
    else return;
    event.preventDefault();
    chart.redraw();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") { chosen = null; zoom(null); } });
  hover(chart.node, (x, y) => {
    const found = at(x, y);
    return found ? linesOf(found) : null;
  });
  return (new_) => {
    data = new_;
    times?.update(data.times);
    if (zoomed) zoomed = data.frames.find((f) => same(f, zoomed)) ?? null;
    chart.redraw();
  };
}
