"""Matrices whose columns are one block: QR in a tree, and the SVD of what comes out of it.

Blocks are factored each for itself, then their triangles, eight at a time, until there is one
(Demmel, Grigori, Hoemmen and Langou 2012).  ``Q`` is never multiplied out before what it is to be
multiplied with has come down the tree: ``Q u`` costs one product a block.

Each factor is an `Algorithm` that reads the tree.  Where nobody reads ``Q``, or nobody the vectors,
they are not computed: see ``alone`` and the rule `result_alone`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.kernels.factor import (
    apply_factor,
    merge_factors,
    merge_triangles,
    part_of_factors,
    qr_block,
    triangle_of_block,
)
from shoal.array.linalg.matrices import factored_kind
from shoal.array.nodes.algorithm import Algorithm, Tasks
from shoal.array.whole import one_block
from shoal.expr.annotate import current_annotations

__all__ = ["svd_of_small", "svd_of_tall", "tall_qr"]

FAN_IN = 8
"""How many triangles a task of the tree brings together."""


def tall_qr(data: Array) -> tuple[Array, Array]:
    """``Q`` and ``R`` of a matrix whose columns are one block.

    Parameters
    ----------
    data
        The matrix; its rows may be of unknown length.

    Examples
    --------
    >>> import shoal.array as da
    >>> q, r = tall_qr(da.ones((4, 1), chunks=(2, 1)))
    >>> abs(r).compute()
    array([[2.]])
    """
    tree, r = _tree_and_triangle(data)
    return _orthogonal(data, tree, r.shape[0], []), r


def svd_of_tall(data: Array) -> tuple[Array, Array, Array]:
    """``u, s, vh`` of a matrix whose columns are one block.

    Parameters
    ----------
    data
        The matrix; its rows may be of unknown length.

    Examples
    --------
    >>> import shoal.array as da
    >>> svd_of_tall(da.ones((4, 1), chunks=(2, 1)))[1].compute()
    array([2.])
    """
    tree, r = _tree_and_triangle(data)
    u, s, vh = svd_of_small(r)
    return _orthogonal(data, tree, u.shape[1], [u]), s, vh


def svd_of_small(a: Array, full: bool = False) -> tuple[Array, Array, Array]:
    """The singular value decomposition of a matrix that one task can hold.

    Parameters
    ----------
    a
        The matrix.
    full
        Whether ``u`` and ``vh`` are square.

    Examples
    --------
    >>> import shoal.array as da
    >>> svd_of_small(3 * da.eye(1))[1].compute()
    array([3.])
    """
    a = one_block(a, (0, 1))
    m, n = a.shape
    k = m if m < n else (n if n <= m else np.nan)
    kind = np.empty((0, 0), factored_kind(a))
    whole = _algorithm(_svd, [a], ((m * m + k + n * n,),), kind.ravel(), full=full)
    u = _algorithm(_left, [whole], ((m,), (m if full else k,)), kind)
    s = _algorithm(_values, [whole], ((k,),), kind.real.ravel())
    return u, s, _algorithm(_right, [whole], ((n if full else k,), (n,)), kind)


def _tree_and_triangle(data: Array) -> tuple[Array, Array]:
    m, n = data.shape
    # Of an unknown number of rows it is taken that there are enough; the root of the tree looks.
    rank = min(n, m)
    least = None if m == m else n
    kind = np.empty((0, 0), factored_kind(data))
    rows = data.chunks[0]
    # Pieces are pairs of factors; nobody sees this array.  Its chunks are how large they are.
    higher = sum(_sizes(len(rows))[1:])
    sizes = (*[height * n + n * n for height in rows], *[FAN_IN * n * n] * higher)
    tree = _algorithm(_factors, [data], (sizes,), kind.ravel(), least=least)
    return tree, _algorithm(_triangle, [tree], ((rank,), (n,)), kind, least=least)


def _orthogonal(data: Array, tree: Array, width: Any, right: Sequence[Array]) -> Array:
    kind = np.empty((0, 0), factored_kind(data))
    count = len(data.chunks[0])
    return _algorithm(_product, [tree, *right], (data.chunks[0], (width,)), kind, count=count)


def _algorithm(steps: Any, inputs: list[Array], chunks: Any, kind: Any, **options: Any) -> Array:
    nodes, told = tuple([a._node for a in inputs]), tuple(options.items())
    return Array(Algorithm(steps, nodes, chunks, kind, told, annotations=current_annotations()))


# ------------------------------------------------------------------------------ steps, by results


def _sizes(count: int) -> list[int]:
    """How many there are on each level of the tree.

    >>> _sizes(20)
    [20, 3, 1]
    """
    sizes = [count]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // FAN_IN))
    return sizes


def _levels(tasks: Tasks, blocks: Any, leaf: Any, merge: Any, least: int | None) -> list[int]:
    """The tree, one level after the other; the last one is the root."""
    below = [tasks.call(leaf if len(blocks) > 1 else _root(leaf, least), b) for b in blocks]
    out = list(below)
    while len(below) > 1:
        groups = [below[i : i + FAN_IN] for i in range(0, len(below), FAN_IN)]
        step = merge if len(groups) > 1 else _root(merge, least)
        below = [tasks.call(step, *group) for group in groups]
        out += below
    return out


def _root(func: Any, least: int | None) -> Any:
    return func if least is None else partial(_checked, func, least)


def _checked(func: Any, least: int, *parts: Any) -> Any:
    """What a function makes of the root, if ``r`` has as many rows as was taken for granted.

    >>> _checked(triangle_of_block, 2, np.ones((3, 2))).shape
    (2, 2)
    """
    out = func(*parts)
    r = out[1] if isinstance(out, tuple) else out
    if len(r) < least:
        raise ValueError(
            f"the matrix has fewer rows ({len(r)}) than columns ({least}), which was not known "
            "when it was factored: call compute_chunk_sizes() on it before"
        )
    return out


def _factors(tasks: Tasks, grid: Any, least: int | None) -> list[int]:
    """All pairs of factors, level by level; the last one is the root's."""
    return _levels(tasks, grid[:, 0], qr_block, merge_factors, least)


def _triangle(tasks: Tasks, tree: Any, least: int | None) -> list[int]:
    """``R``, of the tree."""
    return [tasks.call(partial(part_of_factors, which=1), tree[-1])]


def _triangle_alone(tasks: Tasks, grid: Any, least: int | None) -> list[int]:
    """``R``, of the matrix."""
    return _levels(tasks, grid[:, 0], triangle_of_block, merge_triangles, least)[-1:]


def _product(tasks: Tasks, tree: Any, right: Any = None, *, count: int) -> list[int]:
    """``Q``, or its product with a matrix of one block, from the root of the tree downwards."""
    levels, start = [], 0
    for size in _sizes(count):
        levels.append(tree[start : start + size])
        start += size
    above: list[Any] = [None if right is None else right[0, 0]]
    for level, below in zip(levels[:0:-1], levels[-2::-1], strict=True):
        parts = []
        for i in range(len(below)):
            given = [n for n in (level[i // FAN_IN], above[i // FAN_IN]) if n is not None]
            parts.append(tasks.call(partial(_applied, which=i % FAN_IN), *given))
        above = parts
    pairs = zip(levels[0], above, strict=True)
    return [
        tasks.call(partial(_applied, which=-1), *[n for n in pair if n is not None])
        for pair in pairs
    ]


def _applied(factors: Any, above: Any = None, *, which: int) -> Any:
    """`apply_factor`, whether or not anything is above.

    >>> _applied((np.eye(1), None), which=-1)
    array([[1.]])
    """
    return apply_factor(factors, above, which)


def _svd(tasks: Tasks, grid: Any, full: bool) -> list[int]:
    """All three results, of a matrix of one block."""
    return [tasks.call(partial(np.linalg.svd, full_matrices=full), grid[0, 0])]


def _left(tasks: Tasks, whole: Any) -> list[int]:
    return [tasks.call(partial(part_of_factors, which=0), whole[0])]


def _values(tasks: Tasks, whole: Any) -> list[int]:
    return [tasks.call(partial(part_of_factors, which=1), whole[0])]


def _values_alone(tasks: Tasks, grid: Any, full: bool) -> list[int]:
    return [tasks.call(np.linalg.svdvals, grid[0, 0])]


def _right(tasks: Tasks, whole: Any) -> list[int]:
    return [tasks.call(partial(part_of_factors, which=2), whole[0])]


NAMES: tuple[tuple[Any, Any, str], ...] = (
    (_factors, None, "tsqr"),
    (_triangle, _triangle_alone, "triangle"),
    (_product, None, "product"),
    (_svd, None, "svd"),
    (_left, None, "u"),
    (_values, _values_alone, "values"),
    (_right, None, "vh"),
)
"""Steps, what makes their result of the source's own inputs where nobody else reads the source, and
what plans call them."""

for _steps, _alone, _name in NAMES:
    _steps.alone, _steps.__name__ = _alone, _name
