"""A sketch in the words of a format: SVG, Graphviz' DOT, Mermaid.

SVG is laid out here (`shoal.diagnostics.layout`) and needs no other program.  The other two are
sources for programs that lay out themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from shoal.diagnostics.layout import Layout, layout
from shoal.diagnostics.sketch import Shape, Sketch
from shoal.diagnostics.svg import document, element, number, text, text_width, title

__all__ = ["to_dot", "to_mermaid", "to_svg"]

MARGIN = 14.0
ARROW = 6.0
WIDTH_STEP = 16.0
STROKE = {"task": "#5f6b7a", "value": "#a3adb8", "layer": "#5f6b7a"}
SIZE, SMALL = 12.0, 9.5
EDGE = "#7b8794"

DIRECTIONS = ("BT", "TB", "LR", "RL")

GRAPHVIZ_SHAPES = {"task": "circle", "value": "box", "layer": "box"}


# ------------------------------------------------------------------------------------ SVG


def to_svg(sketch: Sketch) -> str:
    """The picture, laid out.

    Parameters
    ----------
    sketch
        What to show.

    Raises
    ------
    ValueError
        Edges too many and too long to be drawn one by one.

    Examples
    --------
    >>> drawn = to_svg(Sketch([Shape("value", "x"), Shape("task", "inc")], [(0, 1)]))
    >>> drawn.count("<rect"), drawn.count("<path")
    (3, 2)
    """
    sideways = sketch.rankdir in ("LR", "RL")
    boxes = [box_of(shape, sketch.node_attr) for shape in sketch.shapes]
    sizes = [(h, w) if sideways else (w, h) for w, h in boxes]
    found = layout(sizes, sketch.edges)
    frame = _Frame(found, sketch.rankdir, 22.0 if sketch.note else 0.0)
    parts = _edges(sketch, found, sizes, frame)
    for shape, box, across, along in zip(
        sketch.shapes, boxes, found.across, found.along, strict=True
    ):
        parts.append(_shape(shape, box, frame.point(across, along), sketch.node_attr))
    if sketch.note:
        parts.append(text(MARGIN, frame.height - 8, sketch.note, size=11, fill="#5f6b7a"))
    width = max(frame.width, 2 * MARGIN + text_width(sketch.note, 11))
    return document(width, frame.height, *parts, text_anchor=None)


class _Frame:
    """From across and along to x and y."""

    def __init__(self, found: Layout, rankdir: str, below: float) -> None:
        self.rankdir = rankdir
        self.length = found.length
        sideways = rankdir in ("LR", "RL")
        width, height = (found.length, found.width) if sideways else (found.width, found.length)
        self.width, self.height = width + 2 * MARGIN, height + 2 * MARGIN + below

    def point(self, across: float, along: float) -> tuple[float, float]:
        """The place in the picture."""
        if self.rankdir in ("BT", "RL"):
            along = self.length - along
        if self.rankdir in ("LR", "RL"):
            return along + MARGIN, across + MARGIN
        return across + MARGIN, along + MARGIN


def box_of(shape: Shape, common: Mapping[str, str]) -> tuple[float, float]:
    """Width and height that the words of a shape need."""
    style = {**common, **shape.style}
    size = _float(style.get("fontsize"), SIZE)
    notes = shape.note.splitlines()
    words = max(
        text_width(style.get("label", shape.label), size),
        *(text_width(note, SMALL) for note in notes),
        0.0,
    )
    height = size + 18 + (SMALL + 3) * len(notes)
    form = _form(shape, style)
    if form == "circle":
        side = max(height, words + 14)
        return side, side
    # In steps, so that the columns of a grid of tasks stand straight above each other.
    if form == "box":
        return _rounded(words + 16), height - 4
    return _rounded(max(words + height * 0.6, height)), height


def _rounded(width: float) -> float:
    return math.ceil(width / WIDTH_STEP) * WIDTH_STEP


def _form(shape: Shape, style: Mapping[str, str]) -> str:
    """``"box"``, ``"pill"``, ``"circle"`` or ``"ellipse"``."""
    asked = style.get("shape")
    if asked in ("box", "rect", "rectangle", "square"):
        return "box"
    if asked in ("circle", "ellipse"):
        return asked
    return "box" if shape.kind == "value" else "pill"


def _float(words: object, default: float) -> float:
    try:
        return float(str(words))
    except ValueError:
        return default


def _shape(
    shape: Shape, box: tuple[float, float], at: tuple[float, float], common: Mapping[str, str]
) -> str:
    style = {**common, **shape.style}
    (width, height), (x, y) = box, at
    form = _form(shape, style)
    paint = {
        "fill": style.get("fillcolor", shape.fill),
        "stroke": style.get("color", STROKE[shape.kind]),
        "stroke_width": style.get("penwidth", "1"),
    }
    if form in ("circle", "ellipse"):
        outline = element("ellipse", cx=x, cy=y, rx=width / 2, ry=height / 2, **paint)
    else:
        place = {"x": x - width / 2, "y": y - height / 2, "width": width, "height": height}
        round_ = 3.0 if form == "box" else min(height / 2, 15.0)
        outline = element("rect", **place, rx=round_, **paint)
    label = style.get("label", shape.label)
    size = _float(style.get("fontsize"), SIZE)
    words = {"text_anchor": "middle", "fill": style.get("fontcolor") or ink(paint["fill"])}
    parts = [title(shape.tip)] if shape.tip else []
    parts.append(outline)
    notes = shape.note.splitlines()
    lift = (SMALL + 2) / 2 * len(notes)
    if label:
        parts.append(text(x, y + size * 0.35 - lift, label, size=size, **words))
    for i, note in enumerate(notes):
        low = y + SMALL * 0.35 + size / 2 + 1 + (SMALL + 2) * (i - (len(notes) - 1) / 2)
        parts.append(text(x, low, note, size=SMALL, fill_opacity=0.75, **words))
    return element("g", *parts)


def ink(fill: str) -> str:
    """The colour of text that is read on a fill: black, or white on what is dark.

    Parameters
    ----------
    fill
        A colour; only ``#rrggbb`` can be judged.

    Examples
    --------
    >>> ink("#440154"), ink("#fde725"), ink("red")
    ('#ffffff', '#1f2933', '#1f2933')
    """
    if len(fill) != 7 or not fill.startswith("#"):
        return "#1f2933"
    red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
    return "#ffffff" if 0.3 * red + 0.59 * green + 0.11 * blue < 128 else "#1f2933"


def _edges(
    sketch: Sketch, found: Layout, sizes: list[tuple[float, float]], frame: _Frame
) -> list[str]:
    """The edges as curves, with an arrow where they enter a shape."""
    stroke = sketch.edge_attr.get("color", EDGE)
    width = sketch.edge_attr.get("penwidth", "1.2")
    ports = _ports(found, sizes)
    lines, heads = [], []
    for i, (start, end, source, target) in enumerate(found.segments):
        (x0, y0), (x1, y1) = start, end
        sign = 1.0 if y1 >= y0 else -1.0
        if source >= 0:
            x0, y0 = x0 + ports.get((i, source), 0.0), y0 + sign * sizes[source][1] / 2
        tip = y1
        if target >= 0:
            x1, tip = x1 + ports.get((i, target), 0.0), y1 - sign * sizes[target][1] / 2
            y1 = tip - sign * ARROW
        half = (y0 + y1) / 2
        points = [frame.point(*p) for p in ((x0, y0), (x0, half), (x1, half), (x1, y1))]
        a, b, c, d = (f"{number(x)} {number(y)}" for x, y in points)
        lines.append(f"M{a}C{b} {c} {d}")
        if target >= 0:
            wing = ARROW * 0.45
            corners = [(x1, tip), (x1 - wing, y1 - sign), (x1 + wing, y1 - sign)]
            heads.append("M" + "L".join(_pair(frame.point(*p)) for p in corners) + "Z")
    out = []
    if lines:
        out.append(
            element("path", d="".join(lines), fill="none", stroke=stroke, stroke_width=width)
        )
    if heads:
        out.append(element("path", d="".join(heads), fill=stroke))
    return out


def _pair(point: tuple[float, float]) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _ports(found: Layout, sizes: list[tuple[float, float]]) -> dict[tuple[int, int], float]:
    """How far from the middle of a shape each edge touches it, so that edges do not pile up."""
    touching: dict[tuple[int, bool], list[tuple[float, int]]] = {}
    for i, (start, end, source, target) in enumerate(found.segments):
        if source >= 0:
            touching.setdefault((source, False), []).append((end[0], i))
        if target >= 0:
            touching.setdefault((target, True), []).append((start[0], i))
    ports: dict[tuple[int, int], float] = {}
    for (node, _), ends in touching.items():
        across, along = sizes[node]
        room = max(across - min(along, 26.0), 0.0)
        step = min(12.0, room / max(len(ends) - 1, 1))
        for at, (_, i) in enumerate(sorted(ends)):
            ports[i, node] = (at - (len(ends) - 1) / 2) * step
    return ports


# ------------------------------------------------------------------------------- Graphviz


def to_dot(sketch: Sketch) -> str:
    """The source of the picture for Graphviz.

    Parameters
    ----------
    sketch
        What to show.

    Examples
    --------
    >>> print(to_dot(Sketch([Shape("value", "x"), Shape("task", "inc")], [(0, 1)])))
    digraph {
      graph [rankdir="BT"];
      node [fontname="Helvetica"];
      n0 [label="x", shape="box", style="filled", fillcolor="#f3f4f6"];
      n1 [label="inc", shape="circle", style="filled", fillcolor="#f3f4f6"];
      n0 -> n1;
    }
    <BLANKLINE>
    """
    graph = {"rankdir": sketch.rankdir, **sketch.graph_attr}
    if sketch.note:
        graph = {"label": sketch.note, **graph}
    lines = ["digraph {", f"  graph {_dot_attributes(graph)};"]
    lines.append(f"  node {_dot_attributes({'fontname': 'Helvetica', **sketch.node_attr})};")
    if sketch.edge_attr:
        lines.append(f"  edge {_dot_attributes(sketch.edge_attr)};")
    for i, shape in enumerate(sketch.shapes):
        label = shape.label + (f"\n{shape.note}" if shape.note else "")
        own = {
            "label": label,
            "shape": GRAPHVIZ_SHAPES[shape.kind],
            "style": "rounded,filled" if shape.kind == "layer" else "filled",
            "fillcolor": shape.fill,
        }
        if ink(shape.fill) == "#ffffff":
            own |= {"color": shape.fill, "fontcolor": "#ffffff"}
        own = {k: v for k, v in own.items() if k not in sketch.node_attr} | shape.style
        lines.append(f"  n{i} {_dot_attributes(own)};")
    lines += [f"  n{a} -> n{b};" for a, b in sketch.edges]
    return "\n".join([*lines, "}", ""])


def _dot_attributes(attributes: Mapping[str, object]) -> str:
    parts = []
    for name, value in attributes.items():
        words = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        parts.append(f'{name}="{words}"')
    return f"[{', '.join(parts)}]"


# -------------------------------------------------------------------------------- Mermaid


def to_mermaid(sketch: Sketch) -> str:
    """The source of the picture for Mermaid, which many sites and editors draw.

    Parameters
    ----------
    sketch
        What to show.

    Examples
    --------
    >>> print(to_mermaid(Sketch([Shape("value", "x"), Shape("task", "inc")], [(0, 1)])))
    flowchart BT
      n0["x"]
      n1(["inc"])
      n0 --> n1
      classDef c0 fill:#f3f4f6,stroke:#5f6b7a,color:#1f2933
      class n0,n1 c0
    <BLANKLINE>
    """
    lines = [f"flowchart {sketch.rankdir}"]
    if sketch.note:
        lines.insert(0, f"---\ntitle: {_mermaid_text(sketch.note)}\n---")
    fills: dict[str, list[str]] = {}
    for i, shape in enumerate(sketch.shapes):
        style = {**sketch.node_attr, **shape.style}
        words = _mermaid_text(style.get("label", shape.label) or " ")
        if shape.note:
            words += "".join(f"<br/>{_mermaid_text(note)}" for note in shape.note.splitlines())
        left, right = ("[", "]") if _form(shape, style) == "box" else ("([", "])")
        lines.append(f'  n{i}{left}"{words}"{right}')
        fills.setdefault(style.get("fillcolor", shape.fill), []).append(f"n{i}")
    lines += [f"  n{a} --> n{b}" for a, b in sketch.edges]
    for number_, (fill, names) in enumerate(fills.items()):
        lines.append(f"  classDef c{number_} fill:{fill},stroke:#5f6b7a,color:{ink(fill)}")
        lines.append(f"  class {','.join(names)} c{number_}")
    return "\n".join([*lines, ""])


def _mermaid_text(words: str) -> str:
    for character, code in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        words = words.replace(character, code)
    return words.replace("\n", " ")
