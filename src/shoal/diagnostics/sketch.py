"""What a picture of a graph shows: shapes with words on them, and arrows between them.

A plan becomes a sketch in one of two ways.  Task by task: a round shape for each task, with the
name of its function, and a square one for each result and each value, with its key.  Or layer by
layer, for graphs of more tasks than anybody would look at: a shape for all tasks of a layer, with
their number.  How a sketch is laid out and written is no matter of this module.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from shoal.diagnostics.svg import COLOURS, blend, shorten
from shoal.expr.explain import Box, TaskGroup, group_name, short_name
from shoal.graph.plan import Plan
from shoal.local.failure import describe_func
from shoal.types import Key

__all__ = ["COLOUR_MAPS", "Shape", "Sketch", "sketch_groups", "sketch_stages", "sketch_tasks"]

COLOUR_MAPS = {
    "viridis": ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"),
    "plasma": ("#0d0887", "#7e03a8", "#cc4778", "#f89540", "#f0f921"),
    "Blues": ("#deebf7", "#9ecae1", "#4292c6", "#2171b5", "#08306b"),
    "RdBu": ("#b2182b", "#f4a582", "#f7f7f7", "#92c5de", "#2166ac"),
}
"""Scales of colours by name."""

VALUE_FILL = "#f3f4f6"
MOST_LABEL = 28
MOST_KEY = 16
MOST_FACT = 56


@dataclasses.dataclass
class Shape:
    """One node of a picture.

    Parameters
    ----------
    kind
        ``"task"``, ``"value"`` or ``"layer"``.
    label, note
        The words on it: the first line, and smaller ones below.
    tip
        What is said when the pointer rests on it.
    fill
        Its colour, as ``#rrggbb``.
    style
        Attributes as Graphviz names them, which overrule all of these.

    Examples
    --------
    >>> Shape("task", "inc").label
    'inc'
    """

    kind: str
    label: str
    note: str = ""
    tip: str = ""
    fill: str = VALUE_FILL
    style: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Sketch:
    """Shapes, and arrows between them.

    Parameters
    ----------
    shapes
        The nodes.
    edges
        ``(from, to)`` by position in ``shapes``, the way results go.
    rankdir
        Where they go to: ``"BT"`` up, ``"TB"`` down, ``"LR"`` or ``"RL"``.
    note
        What a reader has to know.
    node_attr, edge_attr, graph_attr
        Attributes, as Graphviz names them, of all nodes, of all edges, of the picture.

    Examples
    --------
    >>> Sketch([Shape("value", "x"), Shape("task", "inc")], [(0, 1)]).rankdir
    'BT'
    """

    shapes: list[Shape]
    edges: list[tuple[int, int]]
    rankdir: str = "BT"
    note: str = ""
    node_attr: Mapping[str, str] = dataclasses.field(default_factory=dict)
    edge_attr: Mapping[str, str] = dataclasses.field(default_factory=dict)
    graph_attr: Mapping[str, str] = dataclasses.field(default_factory=dict)


def key_label(key: Key, *, verbose: bool) -> str:
    """What of a key stands on a shape: all of it, the block's index, or a short one.

    A key with a token was made from the name of the function, which stands there already.

    >>> key_label(("sum-0123456789abcdef", 0, 1), verbose=False), key_label("x", verbose=False)
    ('0, 1', 'x')
    >>> key_label("sum-0123456789abcdef", verbose=False)
    ''
    """
    if verbose:
        return str(key)
    if type(key) is tuple:
        return ", ".join(map(str, key[1:]))
    text = str(key)
    return text if len(text) <= MOST_KEY and text == short_name(text) else ""


def sketch_tasks(
    plan: Plan,
    *,
    color: str | None = None,
    colours: Sequence[str] = COLOUR_MAPS["viridis"],
    collapse_outputs: bool = False,
    verbose: bool = False,
    function_attributes: Mapping[Key, Mapping[str, str]] | None = None,
    data_attributes: Mapping[Key, Mapping[str, str]] | None = None,
) -> Sketch:
    """A shape for each task.

    Parameters
    ----------
    plan
        The graph.
    color
        ``"order"`` to colour by the order in which tasks run; None: by function.
    colours
        The scale for that.
    collapse_outputs
        Without shapes for the results of tasks.
    verbose
        Whole keys.
    function_attributes, data_attributes
        For the tasks, and for the results and values, of some keys.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> found = sketch_tasks(plan_from_dict({"x": 1, "y": (abs, "x")}, ["y"]))
    >>> [(shape.kind, shape.label) for shape in found.shapes], found.edges
    ([('value', 'x'), ('task', 'abs'), ('value', 'y')], [(0, 1), (1, 2)])
    """
    shapes: list[Shape] = []
    edges: list[tuple[int, int]] = []
    results: list[int] = []
    fills = fills_by_function(plan)
    if color == "order":
        ranks = {i: at for at, i in enumerate(plan.order)}
    for i, (func, needs) in enumerate(zip(plan.funcs, plan.deps, strict=True)):
        key = plan.keys[i]
        words = key_label(key, verbose=verbose)
        if func is not None:
            label = describe_func(func).rpartition(".")[2]
            tip = f"{key!r}: {describe_func(func)}"
            task = Shape("task", shorten(label, MOST_LABEL), "", tip, fills[i])
            if collapse_outputs and words != label:
                task.note = words
            if color == "order":
                task.note = f"{task.note} #{ranks[i]}".lstrip()
                task.fill = blend(tuple(colours), ranks[i] / max(len(plan) - 1, 1))
            task.style.update((function_attributes or {}).get(key, {}))
            edges += [(results[j], len(shapes)) for j in needs]
            shapes.append(task)
        if func is None or not collapse_outputs:
            what = f"{key!r}: {type(plan.args[i]).__name__}" if func is None else repr(key)
            value = Shape("value", words, "", what)
            value.style.update((data_attributes or {}).get(key, {}))
            if color == "order":
                value.fill = blend(tuple(colours), ranks[i] / max(len(plan) - 1, 1))
            if func is not None:
                edges.append((len(shapes) - 1, len(shapes)))
            shapes.append(value)
        results.append(len(shapes) - 1)
    return Sketch(shapes, edges)


def fills_by_function(plan: Plan) -> list[str]:
    """A colour for each task; tasks of one layer, or calling one function, have the same."""
    kinds: dict[Any, str] = {}
    out = []
    for i, func in enumerate(plan.funcs):
        key = plan.keys[i]
        kind = group_name(key) if type(key) is tuple else describe_func(func)
        if func is None:
            out.append(VALUE_FILL)
            continue
        if kind not in kinds:
            kinds[kind] = pale(COLOURS[len(kinds) % len(COLOURS)])
        out.append(kinds[kind])
    return out


def pale(colour: str) -> str:
    """A colour on which black text is read well."""
    return blend(("#ffffff", colour), 0.42)


def sketch_groups(groups: Mapping[str, TaskGroup], note: str) -> Sketch:
    """A shape for each layer.

    Parameters
    ----------
    groups
        The layers.
    note
        Why it is drawn like that.

    Examples
    --------
    >>> from shoal.expr.explain import group_tasks
    >>> groups = group_tasks(
    ...     [("x", 0), ("x", 1), ("y", 0)], [None, None, sum], [(), (), (0, 1)]
    ... )
    >>> [(shape.label, shape.note) for shape in sketch_groups(groups, "").shapes]
    [('x', '2 values'), ('y', '1 task')]
    """
    where = {name: i for i, name in enumerate(groups)}
    shapes = []
    for i, (name, group) in enumerate(groups.items()):
        fill = pale(COLOURS[i % len(COLOURS)]) if group.tasks else VALUE_FILL
        tip = f"{name}: {group.count()}" + (f" calling {group.calls(6)}" if group.funcs else "")
        shapes.append(
            Shape("layer", shorten(short_name(name), MOST_LABEL), group.count(), tip, fill)
        )
    edges = [(where[s], where[group.name]) for group in groups.values() for s in group.sources]
    return Sketch(shapes, edges, note=note)


def sketch_stages(stages: Sequence[tuple[str, Sequence[Box]]]) -> Sketch:
    """A shape for each box, and one with the heading at the end of each stage.

    Parameters
    ----------
    stages
        Pairs of a heading and boxes.

    Examples
    --------
    >>> found = sketch_stages([("logical", [Box("sum", ("1 block",), (1,)), Box("x", (), ())])])
    >>> [(shape.label, shape.note) for shape in found.shapes], found.edges
    ([('sum', '1 block'), ('x', ''), ('logical', '')], [(1, 0), (0, 2)])
    """
    shapes: list[Shape] = []
    edges: list[tuple[int, int]] = []
    for number, (heading, boxes) in enumerate(stages):
        first, read = len(shapes), {i for box in boxes for i in box.sources}
        fill = pale(COLOURS[number % len(COLOURS)])
        for i, box in enumerate(boxes):
            note = "\n".join(shorten(fact, MOST_FACT) for fact in box.facts)
            tip = "\n".join((box.label, *box.facts))
            shapes.append(Shape("layer", shorten(box.label, MOST_FACT), note, tip, fill))
            edges += [(first + source, first + i) for source in box.sources]
        edges += [(first + i, len(shapes)) for i in range(len(boxes)) if i not in read]
        title, *more = re.split("[;,] ", heading)
        shapes.append(Shape("value", title, "\n".join(more), heading))
    return Sketch(shapes, edges)
