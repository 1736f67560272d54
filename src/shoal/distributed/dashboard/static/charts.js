// Lines over time, with uPlot; their names and values stand above, those of now unless one points at a time.

import { bytes, clock, percent, short, style } from "./format.js";
import { make, setText } from "./element.js";

const asBytes = (u, values) => values.map((v) => (v === null ? "" : bytes(v)));
const asShort = (u, values) => values.map((v) => (v === null ? "" : short(v)));
const asPercent = (u, values) => values.map((v) => (v === null ? "" : percent(v / 100)));
const POWERS = [0, 1, 2, 3, 4].flatMap((k) => [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((m) => m * 1024 ** k));

function series(label, name, format, more = {}) {
  return { label, name, format, stroke: () => style(name), width: 1.5, points: { show: false }, ...more };
}

function axisOf(values, more = {}) {
  return { stroke: () => style("--muted"), grid: { stroke: () => style("--line"), width: 1 },
    ticks: { show: false }, size: 44, values, font: "11px system-ui", ...more };
}

const bytesAxis = (more = {}) => axisOf(asBytes, { size: 62, incrs: POWERS, ...more });

function lines(body, columns, list, axes) {
  let plot = null, rows = null;
  const scales = { x: { time: true } };
  for (const axis of axes) scales[axis.scale ?? "y"] = { range: (u, low, high) => [0, (high || 1) * 1.1] };
  const when = make("span", { class: "muted" }), values = list.map(() => make("b"));
  const legend = make("div", { class: "legend" }, ...list.map(({ label, name }, i) =>
    make("span", {}, make("i", { class: name.slice(2) }), `${label} `, values[i])), when);
  const box = make("div", { class: "plot" });
  body.append(legend, box);

  function tell(at) {
    const i = at ?? rows[0].length - 1;
    setText(when, at === null || at === undefined ? "" : clock(rows[0][i]));
    list.forEach(({ format }, n) => {
      const value = rows[n + 1][i];
      setText(values[n], value === null || value === undefined ? "" : format(value));
    });
  }

  function size() { return { width: box.clientWidth, height: Math.max(60, box.clientHeight) }; }
  function options() {
    return { ...size(), scales, series: [{}, ...list], legend: { show: false },
      axes: [axisOf((u, values) => values.map(clock), { size: 22, space: 80 }), ...axes],
      cursor: { points: { size: 5 }, drag: { setScale: false } },
      hooks: { setCursor: [(u) => tell(u.cursor.idx)] } };
  }
  new ResizeObserver(() => { if (plot && box.clientWidth > 10) plot.setSize(size()); }).observe(box);
  document.addEventListener("themechange", () => plot?.redraw());
  return (data) => {
    rows = [data.t, ...columns(data)];
    if (!plot && box.clientWidth > 10) plot = new window.uPlot(options(), rows, box);
    else plot?.setData(rows);
    if (plot) tell(plot.cursor.idx);
  };
}

export function drawCpu(body) {
  return lines(body, (d) => [d.cpu, d.executing],
    [series("CPUs in use", "--run", short, { fill: () => style("--run-soft") }),
      series("threads that run a task", "--ready", short, { dash: [4, 3] })],
    [axisOf(asShort)]);
}

export function drawMemoryLine(body) {
  const sum = (d) => [d.managed, d.managed.map((v, i) => v + d.unmanaged[i]), d.spilled];
  return lines(body, sum,
    [series("results", "--run", bytes, { fill: () => style("--run-soft") }),
      series("whole processes", "--ready", bytes, { fill: () => style("--ready-soft") }),
      series("on disk", "--wait", bytes)],
    [bytesAxis()]);
}

export function drawRates(body) {
  return lines(body, (d) => [d.tasks, d.network],
    [series("tasks", "--run", short), series("moved", "--wait", bytes, { scale: "b" })],
    [axisOf(asShort), bytesAxis({ scale: "b", side: 1, grid: { show: false } })]);
}

export function drawLoop(body) {
  return lines(body, (d) => [d.loop],
    [series("busy", "--run", (v) => percent(v / 100), { fill: () => style("--run-soft") })],
    [axisOf(asPercent)]);
}
