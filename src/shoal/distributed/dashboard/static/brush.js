// A time line on which a stretch of time is chosen: by dragging, or with the keyboard.

import { clock, seconds, style } from "./format.js";
import { canvas, make } from "./element.js";

const LIVE = 0.985;

// `choose(start, stop)`: seconds since the epoch; a start below 0 is so long before now, and a stop of null is now.
export function brush(body, args, choose) {
  const box = make("div", { class: "brush" });
  body.append(box);
  let data = null, drag = null;
  let start = Number(args.start) || 0, stop = Number(args.stop) || 0;
  const chart = canvas(box, draw, "Samples over time");
  chart.node.tabIndex = 0;
  chart.node.setAttribute("role", "slider");
  chart.node.title = "Drag to choose a time. Keys: left, right, with shift the end; Home, End; Escape for all";

  const first = () => data.first, last = () => data.first + data.counts.length * data.step;
  const from = () => (start < 0 ? last() + start : start), to = () => stop || last();

  function draw(g, width, height) {
    if (!data) return;
    const most = Math.max(1, ...data.counts), wide = width / data.counts.length, tall = height - 15;
    const x = (t) => ((t - first()) / (last() - first())) * width;
    g.fillStyle = style("--ground");
    g.fillRect(0, 0, width, tall);
    if (start) {
      g.fillStyle = style("--run-soft");
      g.fillRect(x(from()), 0, Math.max(2, x(to()) - x(from())), tall);
    }
    data.counts.forEach((n, i) => {
      const at = data.first + i * data.step, inside = !start || (at >= from() - data.step && at < to());
      g.fillStyle = style(inside ? "--run" : "--done");
      const bar = n ? Math.max(1.5, (tall - 3) * (n / most)) : 0;
      g.fillRect(i * wide, tall - bar, Math.max(1, wide - (wide > 4 ? 1 : 0)), bar);
    });
    g.fillStyle = style("--muted");
    const every = Math.max(1, Math.ceil(data.counts.length / (width / 90)));
    for (let i = 0; i < data.counts.length; i += every) {
      if (i * wide + 50 < width) g.fillText(clock(first() + i * data.step), i * wide, height - 6);
    }
    if (start) {
      g.fillStyle = style("--accent");
      for (const t of [from(), to()]) g.fillRect(Math.min(width - 2, Math.max(0, x(t) - 1)), 0, 2, tall);
    }
  }

  function tell() {
    const node = chart.node;
    node.setAttribute("aria-valuemin", first());
    node.setAttribute("aria-valuemax", last());
    node.setAttribute("aria-valuenow", Math.round(start ? from() : first()));
    node.setAttribute("aria-valuetext", said());
  }

  function said() {
    if (!start) return "all the time that is kept";
    return start < 0 ? `the last ${seconds(-start)}` : `${clock(from())} to ${clock(to())}`;
  }

  function set(a, b, done) {
    const [low, high] = [Math.max(first(), Math.min(a, b)), Math.min(last(), Math.max(a, b))];
    const live = (high - first()) / (last() - first()) > LIVE;
    start = live ? Math.min(-1, low - last()) : low;
    stop = live ? 0 : Math.max(high, low + 1);
    chart.redraw();
    if (done) { tell(); choose(Math.round(start), Math.round(stop)); }
  }

  function all() { start = stop = 0; tell(); chart.redraw(); choose(0, 0); }

  const at = (event) => first() + (event.offsetX / chart.node.clientWidth) * (last() - first());
  chart.node.addEventListener("pointerdown", (event) => { if (data) { drag = at(event); chart.node.setPointerCapture(event.pointerId); } });
  chart.node.addEventListener("pointermove", (event) => { if (drag !== null) set(drag, at(event), false); });
  chart.node.addEventListener("pointerup", (event) => {
    if (drag === null) return;
    const begun = drag;
    drag = null;
    if (Math.abs(at(event) - begun) < data.step / 2) all();
    else set(begun, at(event), true);
  });
  chart.node.addEventListener("keydown", (event) => {
    if (!data) return;
    const way = { ArrowLeft: -data.step, ArrowRight: data.step }[event.key];
    const [a, b] = start ? [from(), to()] : [last() - 10 * data.step, last()];
    if (event.key === "Escape") all();
    else if (event.key === "Home") set(first(), first() + (b - a), true);
    else if (event.key === "End") set(last() - (b - a), last(), true);
    else if (way && event.shiftKey) set(a, Math.max(a + data.step, b + way), true);
    else if (way) set(a + way, b + way, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { said, update(times) { data = times; if (drag === null) tell(); chart.redraw(); } };
}
