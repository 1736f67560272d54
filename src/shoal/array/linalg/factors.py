"""QR factorisations, block by block.

A column of blocks is factored in a tree (Demmel, Grigori, Hoemmen and Langou 2012), a row of blocks
by its first columns, and any other matrix column of blocks by column of blocks, with Householder
reflections: no task holds more than two columns of blocks.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from shoal.array.arrangement import concatenate
from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.kernels.factor import (
    apply_factor,
    apply_reflections,
    merge_factors,
    part_of_factors,
    qr_block,
    reflect_panel,
    unit_panel,
    update_panel,
)
from shoal.array.linalg.matrices import factored_kind, matrix, of_stacks
from shoal.array.linalg.results import QRResult
from shoal.array.nodes.algorithm import Algorithm, Tasks
from shoal.array.routines.products import matmul
from shoal.array.whole import in_one_task
from shoal.expr.annotate import current_annotations

__all__ = ["qr", "sfqr", "svd_of_small", "tsqr"]

FAN_IN = 8
"""How many triangles a task of the tree brings together."""


def _tree(tasks: Tasks, grid: Any) -> list[int]:
    """A tall matrix: blocks are ``(q, r)``, of which the first alone has ``r``."""
    leaves = [tasks.call(qr_block, block) for block in grid[:, 0]]
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        groups = [below[i : i + FAN_IN] for i in range(0, len(below), FAN_IN)]
        levels.append([tasks.call(merge_factors, *group) for group in groups])
    (root,) = levels[-1]
    above: list[Any] = [None]
    for level, below in zip(levels[:0:-1], levels[-2::-1], strict=True):
        parts = []
        for i in range(len(below)):
            over = [level[i // FAN_IN], above[i // FAN_IN]]
            given = [number for number in over if number is not None]
            parts.append(tasks.call(_Part(i % FAN_IN, len(given) > 1), *given))
        above = parts
    out = []
    for i, (leaf, over) in enumerate(zip(leaves, above, strict=True)):
        blocks = [leaf] if over is None else [leaf, over]
        out.append(tasks.call(_Leaf(i == 0), *blocks, *([root] if i == 0 else [])))
    return out


_tree.__name__ = "tsqr"


class _Part:
    """One of the parts of a merged ``q``, times what is above."""

    def __init__(self, which: int, has_above: bool) -> None:
        self.which = which
        self.has_above = has_above

    __name__ = "part"

    def __call__(self, factors: Any, above: Any = None) -> Any:
        return apply_factor(factors, above, self.which)


class _Leaf:
    """A block of ``q``; for the first one with ``r``."""

    def __init__(self, is_first: bool) -> None:
        self.is_first = is_first

    __name__ = "q"

    def __call__(self, factors: Any, *others: Any) -> tuple[Any, Any]:
        above = others[: len(others) - self.is_first]
        q = apply_factor(factors, above[0] if above else None, -1)
        return q, others[-1][1] if self.is_first else None


def tsqr(data: Any, compute_svd: bool = False) -> Any:
    """QR or SVD of a matrix whose columns are one block.

    Parameters
    ----------
    data
        The matrix; its rows may be of unknown length.
    compute_svd
        Whether to return ``u, s, vh`` in place of ``q, r``; ``vh`` is square.

    Raises
    ------
    ValueError
        The columns are several blocks.

    Examples
    --------
    >>> import shoal.array as da
    >>> q, r = tsqr(da.ones((4, 1), chunks=(2, 1)))
    >>> abs(r).compute()
    array([[2.]])
    """
    data = matrix(data, "tsqr")
    if len(data.chunks[1]) > 1:
        raise ValueError(
            "Input must have the following properties: 1. Have two dimensions 2. Have only one "
            f"column of blocks. It has {len(data.chunks[1])}; rechunk it with {{1: -1}}"
        )
    q, r = _tall(data)
    if not compute_svd:
        return q, r
    k, n = r.shape
    u, s, vh = svd_of_small(r, full=k != n)
    return matmul(q, u[:, :k] if k == k else u), s, vh


def _tall(data: Array) -> tuple[Array, Array]:
    m, n = data.shape
    rank = m if m < n else (n if m == m else np.nan)
    kind = np.empty((0, 0), factored_kind(data))
    given = (data.chunks[0], (rank,))
    # The blocks of this one are pairs; nobody sees it.
    factors = Array(Algorithm(_tree, (data._node,), given, kind, (), **_told()))
    q = blockwise(partial(part_of_factors, which=0), "ij", factors, "ij", token="qr-q", meta=kind)
    first = factors.blocks[0]
    r = blockwise(
        partial(part_of_factors, which=1),
        "ij",
        *(first, "ij"),
        adjust_chunks={"i": rank, "j": n},
        token="qr-r",
        meta=kind,
    )
    return q, r


def _told() -> dict[str, Any]:
    return {"annotations": current_annotations()}


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
    m, n = a.shape
    k = m if m < n else (n if n <= m else np.nan)
    dtype = factored_kind(a)
    shapes = [(m, m if full else k), (k,), (n if full else k, n)]
    kinds = [dtype, np.empty(0, dtype).real.dtype, dtype]
    told = {"full_matrices": full}
    u, s, vh = (
        in_one_task(np.linalg.svd, [a], shape, kind, which, **told)
        for which, (shape, kind) in enumerate(zip(shapes, kinds, strict=True))
    )
    return u, s, vh


def sfqr(data: Any, name: str | None = None) -> tuple[Array, Array]:
    """QR of a matrix whose rows are one block: of its first columns, applied to the others.

    Parameters
    ----------
    data
        The matrix, not higher than wide.
    name
        Accepted for programs that pass it.

    Raises
    ------
    ValueError
        The rows are several blocks, or there are more of them than columns in several blocks.

    Examples
    --------
    >>> import shoal.array as da
    >>> q, r = sfqr(da.ones((2, 6), chunks=(2, 3)))
    >>> q.shape, r.chunks
    ((2, 2), ((2,), (3, 3)))
    """
    data = matrix(data, "sfqr")
    m, n = data.shape
    if len(data.chunks[0]) > 1 or (m > n and len(data.chunks[1]) > 1):
        raise ValueError(
            "Input must have the following properties: 1. Have two dimensions 2. Have only one "
            f"row of blocks 3. Be either square or short-and-fat. Its blocks are {data.chunks}"
        )
    if len(data.chunks[1]) == 1:
        return _tall(data)
    first = data.chunks[1][0]
    if first < m:
        # The first block of columns must have as many as there are rows.
        data = data.rechunk({1: _with_first(data.chunks[1], m)})
        first = data.chunks[1][0]
    q, r = _tall(data[:, :first])
    return q, concatenate([r, matmul(np.conj(q.T), data[:, first:])], axis=1)


def _with_first(blocks: tuple[int, ...], least: int) -> tuple[int, ...]:
    """Blocks of an axis, the first of them merged until it has some length.

    >>> _with_first((2, 2, 3), 3)
    (4, 3)
    """
    total, rest = 0, list(blocks)
    while total < least:
        total += rest.pop(0)
    return (total, *rest)


def _panels(tasks: Tasks, grid: Any, columns: tuple[int, ...], rows: int, dtype: Any) -> list[int]:
    """Any matrix: blocks are ``(columns of r, columns of q)``."""
    panels = list(grid[0])
    starts = [0, *np.cumsum(columns).tolist()]
    factored = []
    for k, start in enumerate(starts[:-1]):
        if start >= rows:
            break
        factored.append(tasks.call(partial(reflect_panel, first=start), panels[k]))
        for j in range(k + 1, len(panels)):
            panels[j] = tasks.call(update_panel, panels[j], factored[k])
    out = []
    rank = min(rows, starts[-1])
    for k, width in enumerate(columns):
        unit = partial(unit_panel, rows, max(min(width, rank - starts[k]), 0), starts[k], dtype)
        q = tasks.call(unit)
        for one in reversed(factored):
            q = tasks.call(apply_reflections, q, one)
        r = factored[k] if k < len(factored) else panels[k]
        out.append(tasks.call(partial(_pair, rank=rank), r, q))
    return out


_panels.__name__ = "qr"


def _pair(panel: Any, q: Any, rank: int) -> tuple[Any, Any]:
    """The two factors' columns; a panel that was factored is within its reflections."""
    panel = getattr(panel, "panel", panel)
    return panel[:rank], q


def qr(a: Any, mode: str = "reduced") -> QRResult:
    """The QR factorisation; see `numpy.linalg.qr`.

    Parameters
    ----------
    a
        A matrix in any blocks, or a stack of matrices.
    mode
        "reduced", or "complete" for a square ``Q``, of a matrix that one task can hold.

    Raises
    ------
    ValueError
        Another mode is asked for, or lengths are not known that have to be.

    Examples
    --------
    >>> import shoal.array as da
    >>> q, r = qr(da.ones((4, 2), chunks=(2, 1)))
    >>> q.shape, r.shape
    ((4, 2), (2, 2))
    """
    a = matrix(a, "qr", stacks=True)
    if mode not in ("reduced", "complete"):
        raise ValueError(f"mode of qr must be 'reduced' or 'complete', got {mode!r}")
    m, n = a.shape[-2:]
    if a.ndim > 2 or mode == "complete":
        rank = min(m, n) if mode == "reduced" else m
        signature = "(m,n)->(m,k),(k,n)"
        return QRResult(*of_stacks(np.linalg.qr, signature, a, sizes={"k": rank}, mode=mode))
    if len(a.chunks[1]) == 1:
        return QRResult(*_tall(a))
    if len(a.chunks[0]) == 1 and m <= n:
        return QRResult(*sfqr(a))
    if m != m or n != n:
        raise ValueError(
            f"qr of a matrix in several columns of blocks needs its shape, which is {a.shape}; "
            "call compute_chunk_sizes() first"
        )
    dtype, rank = factored_kind(a), min(m, n)
    told = (("columns", a.chunks[1]), ("rows", m), ("dtype", dtype))
    columns = a.chunks[1]
    kind = np.empty((0, 0), dtype)
    node = Algorithm(_panels, (a.rechunk({0: -1})._node,), ((m,), columns), kind, told, **_told())
    # The blocks of this one are pairs; nobody sees it.
    pairs = Array(node)
    ends = np.minimum(np.cumsum(columns), rank)
    widths = tuple(np.diff(ends, prepend=0).tolist())
    q = _of_pairs(pairs, 1, {"j": widths}, kind)
    r = _of_pairs(pairs, 0, {"i": (rank,)}, kind)
    kept = tuple([n for n in widths if n])
    return QRResult(q.rechunk((a.chunks[0], kept)), r)


def _of_pairs(pairs: Array, which: int, changed: Any, kind: Any) -> Array:
    func = partial(part_of_factors, which=which)
    told: Any = {"adjust_chunks": changed, "token": "qr-rq"[:3] + "rq"[which], "meta": kind}
    return blockwise(func, "ij", pairs, "ij", **told)
