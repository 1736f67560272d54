"""QR factorisations, block by block.

A column of blocks is factored in a tree (`shoal.array.linalg.tall`), a row of blocks by its first
columns, and any other matrix column of blocks by column of blocks, with Householder reflections: no
task holds more than two columns of blocks.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from shoal.array.arrangement import concatenate
from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.kernels.factor import (
    apply_reflections,
    part_of_factors,
    reflect_panel,
    unit_panel,
    update_panel,
)
from shoal.array.linalg.matrices import adjoint, factored_kind, matrix, of_stacks
from shoal.array.linalg.results import QRResult
from shoal.array.linalg.tall import svd_of_small, svd_of_tall, tall_qr
from shoal.array.nodes.algorithm import Algorithm, Tasks
from shoal.array.routines.products import matmul
from shoal.expr.annotate import current_annotations

__all__ = ["qr", "sfqr", "tsqr"]


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
    if not compute_svd:
        return tall_qr(data)
    k, n = min(data.shape), data.shape[1]
    if k == n or k != k:
        return svd_of_tall(data)
    q, r = tall_qr(data)
    u, s, vh = svd_of_small(r, full=True)
    return matmul(q, u[:, :k]), s, vh


def _told() -> dict[str, Any]:
    return {"annotations": current_annotations()}


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
        return tall_qr(data)
    first = data.chunks[1][0]
    if first < m:
        # The first block of columns must have as many as there are rows.
        data = data.rechunk({1: _with_first(data.chunks[1], m)})
        first = data.chunks[1][0]
    q, r = tall_qr(data[:, :first])
    return q, concatenate([r, matmul(adjoint(q), data[:, first:])], axis=1)


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
        return QRResult(*tall_qr(a))
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
