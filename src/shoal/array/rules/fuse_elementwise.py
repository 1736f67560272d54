"""A chain of elementwise functions becomes one task a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shoal import config
from shoal.array.kernels.buffered import is_by_elements
from shoal.array.kernels.rows import first_along
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.elementwise import Elementwise
from shoal.array.nodes.fused import AxisMap, Fused
from shoal.array.nodes.layout import BroadcastTo, Permute
from shoal.array.nodes.sources import Full
from shoal.array.program import Program, Step
from shoal.expr.node import Node
from shoal.graph.task import Nest, Ref

__all__ = ["fuse_elementwise"]

MOST_STEPS = 200
"""Longer programs are tasks of their own: a kernel should be read by a person, too."""


def fuse_elementwise(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Take up what an elementwise function reads and nobody else does.

    Axes in another order and repeated arrays are taken up whoever reads them: they are views.

    Parameters
    ----------
    node
        Before: ``Elementwise(multiply, 2) <- Elementwise(add, 1) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``Fused(add | multiply) <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones(4, chunks=2)
    >>> fuse_elementwise((x + 1)._node, {})
    <add-...: Fused(add) (4,)>
    """
    if type(node) is Elementwise:
        # Less is taken up where nothing else would say what blocks there are.
        return (
            _fused(node, uses, (Permute, BroadcastTo, Full))
            or _fused(node, uses, (Permute,))
            or _fused(node, uses, ())
        )
    if type(node) is Fused and any(_joins(part, node, uses) for part in node.inputs):
        return _fused(node, uses, (Permute,))
    return None


fuse_elementwise.phase = 1  # type: ignore[attr-defined] # what is fused hides what can be moved


def _joins(part: Any, reader: Any, uses: Mapping[str, int]) -> bool:
    """Whether an operand's program can be taken up by its only reader."""
    if type(part) is not Fused or part.annotations != reader.annotations:
        return False
    if first_along(part.program) or (type(reader) is Fused and first_along(reader.program)):
        return False  # what looks along axes is the first step, of one input
    if len(part.program.steps) + len(_steps_of(reader)) > MOST_STEPS:
        return False
    # Its blocks are computed once for each block of the reader.
    return uses.get(part.name, 1) <= 1 and part.size == reader.size


def _steps_of(node: Any) -> tuple[Step, ...]:
    if type(node) is Fused or isinstance(node.func, Program):
        program = node.program if type(node) is Fused else node.func
        return tuple(program.steps)
    refs: list[Any] = []
    for operand in node.operands_:
        refs.append(Ref(len(refs)) if isinstance(operand, Node) else operand)
    return (Step(node.func, tuple(refs), node.kwargs),)


def _fused(node: Any, uses: Mapping[str, int], views: tuple[type, ...]) -> Fused | None:
    """One program of a node and what it takes up; None where the blocks would be others."""
    build = _Builder(node, uses, views)
    seen = build.views_of(_steps_of(node))
    if type(node) is Fused:
        parts = list(zip(node.inputs, node.maps, strict=True))
        engine = node.engine
    else:
        arrays = node.arrays
        if isinstance(node.func, Program) and len(arrays) < len(node.operands_):
            return None
        parts = [(array, _aligned(array.ndim, node.ndim)) for array in arrays]
        engine = config.get("array.engine")
    values = [build.value(part, axes, seen) for part, axes in parts]
    if type(node) is Elementwise and not isinstance(node.func, Program):
        arrays_left = iter(values)
        args = [next(arrays_left) if isinstance(op, Node) else op for op in node.operands_]
        build.steps.append(Step(node.func, tuple(args), node.kwargs))
    else:
        build.take(_steps_of(node), values)
    new = build.node(engine)
    return new if new is not None and new.chunks == node.chunks else None


def _aligned(ndim: int, of: int) -> AxisMap:
    """How an array of fewer axes is seen: NumPy adds new ones on the left."""
    return tuple([axis if axis >= 0 else None for axis in range(ndim - of, ndim)])


class _Builder:
    """A program under construction; results of steps are ``Ref(-1)``, ``Ref(-2)``, ..."""

    def __init__(self, node: ArrayNode, uses: Mapping[str, int], views: tuple[type, ...]) -> None:
        self.of = node
        self.uses = uses
        self.views = views
        self.inputs: dict[tuple[str, AxisMap], int] = {}
        self.nodes: list[Any] = []
        self.steps: list[Step] = []
        self.done: dict[tuple[str, AxisMap], Any] = {}

    def views_of(self, steps: Sequence[Step]) -> tuple[type, ...]:
        """What the operands of some steps may be taken up as: a function that is no ufunc may look
        at the shape of each of its blocks, so these are not to become smaller."""
        return self.views if all(is_by_elements(step.func) for step in steps) else (Permute,)

    def value(self, part: Any, axes: AxisMap, views: tuple[type, ...]) -> Any:
        """The reference to an operand seen in some way: an input, or the result of a step."""
        if type(part) in views and type(part) in self.views:
            if type(part) is Permute:
                return self.value(part.source, _seen_through(axes, part.axes), views)
            if type(part) is BroadcastTo:
                inner = _aligned(part.source.ndim, part.ndim)
                return self.value(part.source, _seen_through(axes, inner), views)
            if _is_scalar(part):
                # As full() itself casts: nan to an int is no error.
                return np.full((), part.value, part.dtype)[()]
        if not _joins(part, self.of, self.uses):
            place = self.inputs.setdefault((part.name, axes), len(self.nodes))
            if place == len(self.nodes):
                self.nodes.append(part)
            return Ref(place)
        found = self.done.get((part.name, axes))
        if found is None:
            pairs = zip(part.inputs, part.maps, strict=True)
            seen = self.views_of(part.program.steps)
            values = [self.value(one, _seen_through(axes, own), seen) for one, own in pairs]
            found = self.done[part.name, axes] = self.take(part.program.steps, values)
        return found

    def take(self, steps: Sequence[Step], values: Sequence[Any]) -> Ref:
        """Append the steps of a program whose inputs are ``values``; the last one's result."""
        known = list(values)
        for step in steps:
            args = tuple([_placed(arg, known) for arg in step.args])
            kwargs = tuple([(name, _placed(value, known)) for name, value in step.kwargs])
            self.steps.append(Step(step.func, args, kwargs))
            known.append(Ref(-len(self.steps)))
        return Ref(-len(self.steps))

    def node(self, engine: str) -> Fused | None:
        """The finished node; None where nothing is left to say how many blocks there are."""
        count = len(self.nodes)
        if not count:
            return None
        known = [*map(Ref, range(count)), *[Ref(count + i) for i in range(len(self.steps))]]
        final = _Final(known, count)
        steps = tuple(
            [
                Step(
                    step.func,
                    tuple([final(arg) for arg in step.args]),
                    tuple([(name, final(value)) for name, value in step.kwargs]),
                )
                for step in self.steps
            ]
        )
        maps = tuple([axes for _, axes in self.inputs])
        of = self.of
        return Fused(
            Program(count, steps), tuple(self.nodes), maps, engine, of.meta,
            annotations=of.annotations,
        )  # fmt: skip


class _Final:
    """References as they stand in the finished program."""

    def __init__(self, known: list[Ref], count: int) -> None:
        self.known = known
        self.count = count

    def __call__(self, arg: Any) -> Any:
        if type(arg) is Ref:
            place = arg.position
            return self.known[place if place >= 0 else self.count - 1 - place]
        if type(arg) is Nest:
            return Nest(arg.make, [self(item) for item in arg.items])
        return arg


def _placed(arg: Any, known: Sequence[Any]) -> Any:
    """An argument with its references replaced by those to what stands there now."""
    if type(arg) is Ref:
        return known[arg.position]
    if type(arg) is Nest:
        return Nest(arg.make, [_placed(item, known) for item in arg.items])
    return arg


def _seen_through(outer: AxisMap, inner: AxisMap) -> AxisMap:
    """How the source of a view is seen by who sees the view."""
    return tuple([None if axis is None else inner[axis] for axis in outer])


def _is_scalar(node: Full) -> bool:
    return np.ndim(node.value) == 0 and type(node.meta) is np.ndarray and node.dtype != object
