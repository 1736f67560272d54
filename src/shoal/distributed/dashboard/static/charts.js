// Lines over time, with uPlot.

import { bytes, clock, percent, short, style } from "./format.js";

const asBytes = (u, values) => values.map((v) => (v === null ? "" : bytes(v)));
const asShort = (u, values) => values.map((v) => (v === null ? "" : short(v)));
const asPercent = (u, values) => values.map((v) => (v === null ? "" : percent(v / 100)));

function series(label, name, format, more = {}) {
  return { label, stroke: () => style(name), width: 1.5, points: { show: false },
    value: (u, v) => (v === null || v === undefined ? "" : format(v)), ...more };
}

function axisOf(values, more = {}) {
  return { stroke: () => style("--muted"), grid: { stroke: () => style("--line"), width: 1 },
    ticks: { show: false }, size: 62, values, font: "11px system-ui", ...more };
}

function lines(body, columns, list, axes, stacked = false) {
  let plot = null, rows = null;
  const scales = { x: { time: true } };
  for (const axis of axes) scales[axis.scale ?? "y"] = { range: (u, low, high) => [0, (high || 1) * 1.1] };
  function options() {
    return { width: body.clientWidth, height: Math.max(60, body.clientHeight - 26), scales, series: [{}, ...list],
      axes: [axisOf((u, values) => values.map(clock), { size: 26, space: 80 }), ...axes], legend: { live: true },
      cursor: { points: { size: 5 }, drag: { setScale: false } },
      bands: stacked ? list.slice(1).map((_, i) => ({ series: [i + 2, i + 1] })) : undefined };
  }
  new ResizeObserver(() => {
    if (plot && body.clientWidth > 10) {
      plot.setSize({ width: body.clientWidth, height: Math.max(60, body.clientHeight - 26) });
    }
  }).observe(body);
  document.addEventListener("themechange", () => plot?.redraw());
  return (data) => {
    rows = [data.t, ...columns(data)];
    if (!plot && body.clientWidth > 10) plot = new window.uPlot(options(), rows, body);
    else plot?.setData(rows);
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
      series("with the rest of the processes", "--ready", bytes, { fill: () => style("--ready-soft") }),
      series("on disk", "--wait", bytes)],
    [axisOf(asBytes, { size: 74 })]);
}

export function drawRates(body) {
  return lines(body, (d) => [d.tasks, d.network],
    [series("tasks a second", "--run", short), series("bytes a second", "--wait", bytes, { scale: "b" })],
    [axisOf(asShort), axisOf(asBytes, { scale: "b", side: 1, size: 74, grid: { show: false } })]);
}

export function drawLoop(body) {
  return lines(body, (d) => [d.loop],
    [series("scheduler's loop", "--run", (v) => percent(v / 100), { fill: () => style("--run-soft") })],
    [axisOf(asPercent)]);
}
