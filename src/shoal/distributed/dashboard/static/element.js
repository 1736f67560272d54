// The few helpers for the document and for canvases that everything here is made with.

export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A canvas that fills its box, in device pixels; `draw(context, width, height)` in CSS pixels.
export function canvas(box, draw, label) {
  const node = make("canvas", { role: "img", "aria-label": label });
  box.append(node);
  const context = node.getContext("2d");
  const size = { width: 0, height: 0 };
  function redraw() {
    const width = box.clientWidth, height = box.clientHeight;
    if (width < 2 || height < 2) return;
    const scale = window.devicePixelRatio || 1;
    if (size.width !== width || size.height !== height || size.scale !== scale) {
      Object.assign(size, { width, height, scale });
      node.width = Math.round(width * scale);
      node.height = Math.round(height * scale);
      node.style.width = `${width}px`;
      node.style.height = `${height}px`;
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    draw(context, width, height);
  }
  new ResizeObserver(redraw).observe(box);
  document.addEventListener("themechange", redraw);
  return { node, redraw };
}

// Names and values, side by side.
export function facts(pairs) {
  return make("dl", { class: "facts" }, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

// What stands beside the pointer; `find(x, y)` gives lines of text, or nothing.
export function hover(node, find) {
  const tip = make("div", { class: "tip", hidden: "" });
  document.body.append(tip);
  node.addEventListener("pointermove", (event) => {
    const lines = find(event.offsetX, event.offsetY);
    tip.hidden = !lines;
    if (!lines) return;
    tip.replaceChildren(...lines.map((line, i) => make(i ? "div" : "b", {}, line)));
    const right = event.clientX > window.innerWidth - 340;
    tip.style.left = right ? "auto" : `${event.clientX + 14}px`;
    tip.style.right = right ? `${window.innerWidth - event.clientX + 14}px` : "auto";
    tip.style.top = `${Math.min(event.clientY + 14, window.innerHeight - 24 * lines.length - 16)}px`;
  });
  node.addEventListener("pointerleave", () => { tip.hidden = true; });
}
