// A flame graph: widths are shares of the samples, what was called stands below its caller.

import { clip, count, percent, style } from "./format.js";
import { canvas, hover, make } from "./element.js";

const TALL = 19;
const WARM = ["#d9772b", "#e0913c", "#d8a13a", "#c9803f", "#e3a85b", "#cf6f3d"];

export function drawFlame(body, page) {
  let data = null, from = 0, many = 0, zoomed = null, drawn = [];
  const choose = (name, options) => make("select", { "aria-label": name,
    onchange: (event) => page.ask({ [name]: event.target.value }) },
  ...options.map(([value, label]) => make("option", { value, selected: page.args[name] === value ? "" : null }, label)));
  const back = make("button", { onclick: () => zoom(null), title: "Escape" }, "All");
  const note = make("span", { class: "muted" });
  const box = make("div", { class: "fill" });
  if (page.live) {
    body.append(make("div", { class: "controls" },
      choose("source", [["tasks", "Tasks"], ["scheduler", "Scheduler"], ["workers", "Workers' own threads"]]),
      choose("seconds", [["", "All that is kept"], ["10", "Last 10 s"], ["60", "Last minute"]]), back, note));
  }
  body.append(box);
  const chart = canvas(box, draw, "Flame graph");

  function zoom(frame) { zoomed = frame; chart.redraw(); }

  function draw(g, width, height) {
    drawn = [];
    if (!data) return;
    from = zoomed ? zoomed[4] : 0;
    many = zoomed ? zoomed[5] : data.count;
    note.textContent = data.count ? `${count(data.count)} samples${zoomed ? `, ${percent(many / data.count)} here` : ""}` : "";
    if (!data.count) {
      g.fillStyle = style("--muted");
      g.fillText("No samples yet: stacks are looked at while something runs.", 8, 14);
      return;
    }
    for (const frame of data.frames) {
      const [name, file, line, depth, first, samples] = frame;
      const x = ((first - from) / many) * width, wide = (samples / many) * width;
      if (x + wide < 0 || x > width || wide < 0.6) continue;
      const left = Math.max(0, x), shown = Math.min(width, x + wide) - left, y = depth * TALL;
      if (y > height) continue;
      let hash = 0;
      for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
      g.fillStyle = WARM[Math.abs(hash) % WARM.length];
      g.globalAlpha = zoomed && samples > many ? 0.45 : 1;
      g.fillRect(left, y, Math.max(0.6, shown - 1), TALL - 1);
      g.globalAlpha = 1;
      if (shown > 34) {
        g.fillStyle = "#1c1207";
        g.fillText(clip(name, Math.floor(shown / 6.6)), left + 4, y + TALL / 2);
      }
      drawn.push([left, y, shown, frame]);
    }
  }

  function at(x, y) { return drawn.find(([left, top, wide]) => x >= left && x < left + wide && y >= top && y < top + TALL)?.[3]; }
  chart.node.addEventListener("click", (event) => zoom(at(event.offsetX, event.offsetY) ?? null));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") zoom(null); });
  hover(chart.node, (x, y) => {
    const found = at(x, y);
    if (!found) return null;
    const [name, file, line, , , samples, own] = found;
    return [name, file ? `${file}:${line}` : "", `${percent(samples / data.count)} (${count(samples)} samples)`,
      `${percent(own / data.count)} in itself`];
  });
  return (next) => {
    data = next;
    if (zoomed) zoomed = data.frames.find((f) => f[0] === zoomed[0] && f[1] === zoomed[1] && f[3] === zoomed[3]) ?? null;
    chart.redraw();
  };
}
