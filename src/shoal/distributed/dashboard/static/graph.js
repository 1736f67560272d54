// The graph: what needs what, from left to right, coloured by state.

import { clip, count, stateColour, STATES, style } from "./format.js";
import { canvas, hover, make } from "./element.js";

const TOP = 18;

export function drawGraph(body) {
  let data = null, places = new Map();
  const legend = make("div", { class: "legend" }, ...STATES.map((state) => {
    const dot = make("i");
    dot.style.background = stateColour(state);
    return make("span", {}, dot, state === "sent" ? "running" : state);
  }));
  const box = make("div", { class: "fill" });
  body.append(legend, box);
  const chart = canvas(box, draw, "Graph of tasks");

  // The kind of a column, above it, if it has only one.
  function heads(g, width) {
    const kinds = new Map();
    for (const node of Object.values(data.nodes)) {
      if (typeof node[2] !== "string") return;
      kinds.set(node[3], kinds.has(node[3]) && kinds.get(node[3])[0] !== node[1] ? ["", 0] : [node[1], (kinds.get(node[3])?.[1] ?? 0) + 1]);
    }
    const wide = width / kinds.size;
    g.fillStyle = style("--muted");
    g.textAlign = "center";
    for (const [depth, [kind, many]] of kinds) {
      if (kind && wide > 60) g.fillText(`${clip(kind, Math.floor(wide / 9))} · ${count(many)}`, wide * (depth + 0.5), 8);
    }
    g.textAlign = "start";
  }

  // Columns by depth; in a column, nodes stand where their inputs stand on average.
  function place(width, height) {
    places = new Map();
    const columns = [];
    for (const [id, node] of Object.entries(data.nodes)) (columns[node[3]] ??= []).push(id);
    const inputs = new Map();
    for (const [source, target] of data.links) {
      if (!inputs.has(target)) inputs.set(target, []);
      inputs.get(target).push(source);
    }
    columns.forEach((ids, depth) => {
      const at = (id) => {
        const known = (inputs.get(id) ?? []).map((other) => places.get(other)?.y).filter((y) => y !== undefined);
        return known.length ? known.reduce((a, b) => a + b, 0) / known.length : 0;
      };
      if (depth) ids.sort((a, b) => at(a) - at(b));
      const x = (width * (depth + 0.5)) / columns.length;
      const room = (height - TOP) / ids.length;
      ids.forEach((id, i) => places.set(id, { x, y: TOP + room * (i + 0.5), room, wide: width / columns.length }));
    });
  }

  function draw(g, width, height) {
    if (!data) return;
    place(width, height);
    heads(g, width);
    g.strokeStyle = style("--link");
    g.lineWidth = 1;
    g.beginPath();
    for (const [source, target] of data.links) {
      const a = places.get(String(source)), b = places.get(String(target));
      if (!a || !b) continue;
      const middle = (a.x + b.x) / 2;
      g.moveTo(a.x, a.y);
      g.bezierCurveTo(middle, a.y, middle, b.y, b.x, b.y);
    }
    g.stroke();
    for (const [id, node] of Object.entries(data.nodes)) {
      const at = places.get(id), radius = Math.max(2, Math.min(typeof node[2] === "string" ? 9 : 20, at.room / 2.4));
      if (typeof node[2] === "string") {
        g.fillStyle = stateColour(node[2]);
        g.beginPath();
        g.arc(at.x, at.y, radius, 0, 7);
        g.fill();
      } else pie(g, at, radius, node[2]);
      if (at.room > 14 && at.wide > 60) {
        g.fillStyle = style("--text");
        const label = typeof node[2] === "string" ? clip(node[1], Math.floor(at.wide / 9)) : `${clip(node[1], 24)} · ${count(node[4])}`;
        g.fillText(label, at.x + radius + 4, at.y);
      }
    }
    if (!Object.keys(data.nodes).length) {
      g.fillStyle = style("--muted");
      g.fillText("There are no tasks now.", 8, 14);
    }
  }

  function pie(g, at, radius, states) {
    const total = Object.values(states).reduce((a, b) => a + b, 0);
    let angle = -Math.PI / 2;
    for (const state of STATES) {
      const share = (states[state] ?? 0) / total;
      if (!share) continue;
      g.fillStyle = stateColour(state);
      g.beginPath();
      g.moveTo(at.x, at.y);
      g.arc(at.x, at.y, radius, angle, angle + 2 * Math.PI * share);
      g.fill();
      angle += 2 * Math.PI * share;
    }
  }

  hover(chart.node, (x, y) => {
    for (const [id, at] of places) {
      if (Math.hypot(at.x - x, at.y - y) > Math.max(6, Math.min(20, at.room / 2))) continue;
      const node = data.nodes[id];
      return typeof node[2] === "string" ? [node[1], node[0], node[2]]
        : [node[1], ...Object.entries(node[2]).map(([state, many]) => `${state}: ${count(many)}`)];
    }
    return null;
  });
  return (next) => { data = next; chart.redraw(); };
}
