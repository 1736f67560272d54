"""Pictures of graphs.

`draw` takes a plan or a dict graph and gives a `Picture`.  SVG, text, DOT and Mermaid are made
here.  PNG, PDF and JPEG need a program that can paint: Graphviz, or the package cairosvg, which
paints our own SVG.  A graph of more than a few hundred tasks is drawn layer by layer, and the
picture says so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shoal import config
from shoal.diagnostics.picture import Picture, place
from shoal.diagnostics.render import DIRECTIONS, to_dot, to_mermaid, to_svg
from shoal.diagnostics.sketch import (
    COLOUR_MAPS,
    Sketch,
    sketch_groups,
    sketch_stages,
    sketch_tasks,
)
from shoal.errors import MissingDependencyError, ShoalError
from shoal.expr.explain import Box, group_tasks, outline, short_name
from shoal.graph.legacy import plan_from_dict
from shoal.graph.plan import Plan
from shoal.local.failure import describe_func
from shoal.optional import import_required
from shoal.types import Key

__all__ = ["draw", "draw_stages"]

ENGINES = (None, "graphviz", "cytoscape", "ipycytoscape")
MOST_TASKS = 500
TIMEOUT_S = 120.0
MOST_PIXELS = 16_000
"""Cairo refuses pictures of twice that; larger ones are made smaller."""


def draw(
    graph: Plan | Mapping[Key, Any],
    filename: str | Path | None = None,
    format: str | None = None,
    *,
    rankdir: str = "BT",
    color: str | None = None,
    cmap: str | Sequence[str] = "viridis",
    collapse_outputs: bool = False,
    verbose: bool = False,
    max_tasks: int = MOST_TASKS,
    engine: str | None = None,
    node_attr: Mapping[str, str] | None = None,
    edge_attr: Mapping[str, str] | None = None,
    graph_attr: Mapping[str, str] | None = None,
    function_attributes: Mapping[Key, Mapping[str, str]] | None = None,
    data_attributes: Mapping[Key, Mapping[str, str]] | None = None,
) -> Picture:
    """Draw a graph.

    Parameters
    ----------
    graph
        A plan, or a mapping of keys to tasks.
    filename
        Where to write it.  Its ending says the format, unless ``format`` does; None for no file.
    format
        ``"svg"``, ``"png"``, ``"pdf"``, ``"jpeg"``, ``"dot"``, ``"mermaid"`` or ``"text"``.
        Default: SVG.
    rankdir
        Where results go: ``"BT"`` upwards, ``"TB"``, ``"LR"`` or ``"RL"``.
    color
        ``"order"`` to colour tasks by the order in which one worker would run them, and to write
        it on them.  Default: by function.
    cmap
        The colours for that: ``"viridis"``, ``"plasma"``, ``"Blues"``, ``"RdBu"``, or a list of
        colours as ``#rrggbb``.
    collapse_outputs
        True to leave out the shapes of tasks' results.
    verbose
        True to write whole keys.
    max_tasks
        A graph of more tasks than this is drawn layer by layer.
    engine
        ``"graphviz"`` to let Graphviz lay out every format.  Default: shoal's own layout, for
        SVG; so do ``"cytoscape"`` and ``"ipycytoscape"``, which name a widget elsewhere.
    node_attr, edge_attr, graph_attr
        Attributes, as Graphviz names them, of all nodes, of all edges, of the picture.  SVG
        knows ``color``, ``fillcolor``, ``penwidth``, ``shape``, ``label``, ``fontsize`` and
        ``fontcolor``.
    function_attributes, data_attributes
        Attributes for the tasks, and for the results and values, of some keys.

    Returns
    -------
    Picture
        Shown by notebooks; ``str`` of it is its source where the format is text.

    Raises
    ------
    ValueError
        An unknown format, direction, colouring or engine.
    MissingDependencyError
        What can paint the format is not installed.

    Examples
    --------
    >>> print(draw({"x": 1, "y": (abs, "x"), "z": (max, "x", "y")}, format="text"))
    z  max
    ├─ [1] x  int
    └─ y  abs
       see [1] x  int
    >>> draw({"x": 1, "y": (abs, "x")}).format
    'svg'
    """
    check("rankdir", rankdir, DIRECTIONS)
    check("color", color, (None, "order"))
    check("engine", engine, ENGINES)
    path, chosen = place(filename, format)
    plan = graph if isinstance(graph, Plan) else plan_from_dict(graph, list(graph))
    groups = None
    note = ""
    if len(plan) > max_tasks:
        groups = group_tasks(plan.keys, plan.funcs, plan.deps)
        note = (
            f"{len(plan):,} tasks and values drawn as {len(groups):,} layers; "
            f"max_tasks={len(plan)} draws each of them"
        )
        sketch = sketch_groups(groups, note)
    else:
        sketch = sketch_tasks(
            plan,
            color=color,
            colours=colour_scale(cmap),
            collapse_outputs=collapse_outputs,
            verbose=verbose,
            function_attributes=function_attributes,
            data_attributes=data_attributes,
        )
    sketch.rankdir = rankdir
    sketch.node_attr = node_attr or {}
    sketch.edge_attr = edge_attr or {}
    sketch.graph_attr = graph_attr or {}
    words = text_of_tasks(plan) if groups is None else text_of_groups(groups, note)
    data = words.encode() if chosen == "text" else written(sketch, chosen, engine)
    picture = Picture(data, chosen, words, note=note)
    if path is not None:
        picture.save(path)
    return picture


def draw_stages(
    stages: Sequence[tuple[str, Sequence[Box]]],
    words: str,
    filename: str | Path | None = None,
    format: str | None = None,
) -> Picture:
    """Draw what an explanation tells: its stages beside each other.

    Parameters
    ----------
    stages
        From `shoal.expr.explain.stages`.
    words
        The explanation as text.
    filename, format
        As for `draw`.

    Returns
    -------
    Picture

    Examples
    --------
    >>> draw_stages([("logical: 1 node", [Box("x", ("2 blocks",), ())])], "logical: ...").format
    'svg'
    """
    path, chosen = place(filename, format)
    engine = config.get("visualization.engine", None)
    data = words.encode() if chosen == "text" else written(sketch_stages(stages), chosen, engine)
    picture = Picture(data, chosen, words)
    if path is not None:
        picture.save(path)
    return picture


def check(name: str, given: Any, wanted: Sequence[Any]) -> None:
    """Raise when an option has a value that it cannot have."""
    if given not in wanted:
        known = ", ".join(map(repr, wanted))
        raise ValueError(f"unknown {name} {given!r}; wanted one of {known}")


def colour_scale(cmap: str | Sequence[str]) -> Sequence[str]:
    """The colours of a scale, by its name."""
    if isinstance(cmap, str):
        check("cmap", cmap, tuple(COLOUR_MAPS))
        return COLOUR_MAPS[cmap]
    if len(cmap) < 2 or not all(len(c) == 7 and c.startswith("#") for c in cmap):
        raise ValueError(f"cmap must be a name or two or more colours as '#rrggbb', got {cmap!r}")
    return cmap


# -------------------------------------------------------------------------------- formats


def written(sketch: Sketch, format: str, engine: str | None) -> bytes:
    """A sketch in one of the formats other than text."""
    if format == "dot":
        return to_dot(sketch).encode()
    if format == "mermaid":
        return to_mermaid(sketch).encode()
    if engine == "graphviz":
        return by_graphviz(sketch, format)
    if format == "svg":
        return to_svg(sketch).encode()
    if shutil.which("dot"):
        return by_graphviz(sketch, format)
    return by_cairosvg(sketch, format)


def by_graphviz(sketch: Sketch, format: str) -> bytes:
    """What the program ``dot`` makes of a sketch."""
    program = shutil.which("dot")
    if program is None:
        raise missing_painter(format)
    done = subprocess.run(
        [program, f"-T{format}"],
        input=to_dot(sketch).encode(),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise ShoalError(f"Graphviz ({program}) could not draw format {format!r}: {said}")
    return done.stdout


def by_cairosvg(sketch: Sketch, format: str) -> bytes:
    """What the package cairosvg makes of our own SVG."""
    if format not in ("png", "pdf"):
        raise missing_painter(format)
    try:
        cairosvg = import_required("cairosvg", f"format {format!r}")
    except (MissingDependencyError, OSError) as error:
        # OSError: the package is there and the library libcairo is not.
        raise missing_painter(format) from error
    convert = cairosvg.svg2png if format == "png" else cairosvg.svg2pdf
    svg = to_svg(sketch)
    data: bytes = convert(bytestring=svg.encode(), scale=min(1.0, MOST_PIXELS / longest_side(svg)))
    return data


def longest_side(svg: str) -> float:
    """Width or height of an SVG document that says both at its start."""
    return max(map(float, re.findall(r'\b(?:width|height)="([\d.]+)"', svg[:300])[:2]))


def missing_painter(format: str) -> MissingDependencyError:
    """The error that says what can paint a format, and how to get it."""
    other = ", or the package cairosvg (python -m pip install cairosvg)"
    return MissingDependencyError(
        f"to draw format {format!r}, the program 'dot' of Graphviz has to be installed "
        f"(apt-get install graphviz, brew install graphviz, conda install graphviz)"
        f"{other if format in ('png', 'pdf') else ''}; "
        "formats svg, text, dot and mermaid need nothing"
    )


# ----------------------------------------------------------------------------------- text


def text_of_tasks(plan: Plan) -> str:
    """The graph in words, a line a task, from the results down to the sources."""
    roots = [i for i in range(len(plan)) if not plan.dependents[i]]

    def label(i: int) -> str:
        func = plan.funcs[i]
        what = type(plan.args[i]).__name__ if func is None else describe_func(func)
        key = plan.keys[i]
        if type(key) is tuple:
            return f"{(short_name(str(key[0])), *key[1:])}  {what}"
        name = short_name(str(key))
        return what if name == what else f"{name}  {what}"

    lines = outline(roots, lambda i: plan.deps[i])
    return "\n".join(line.text(label).rstrip() for line in lines)


def text_of_groups(groups: Mapping[str, Any], note: str) -> str:
    """The layers in words, from the results down to the sources."""
    read = {source for group in groups.values() for source in group.sources}
    roots = [name for name in groups if name not in read] or list(groups)[-1:]

    def label(name: str) -> str:
        group = groups[name]
        return f"{short_name(name)}  {group.count()}  {group.calls()}"

    lines = outline(roots, lambda name: list(groups[name].sources))
    return "\n".join([note, *(line.text(label).rstrip() for line in lines)])
