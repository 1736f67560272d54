"""Systems of equations: triangular ones and Cholesky factors block by block, LU with partial
pivoting by columns of blocks, so that no task holds more than two of these.

References: Golub and Van Loan 2013, chapters 3 and 4; Buttari, Langou, Kurzak and Dongarra 2009.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation import arange, eye
from shoal.array.kernels.factor import (
    cholesky_block,
    compose_orders,
    finish_pivoted,
    pivot_panel,
    pivoted_part,
    solve_block,
    solve_right_block,
    subtract_product,
    update_pivoted,
)
from shoal.array.linalg.factors import qr
from shoal.array.linalg.matrices import adjoint, factored_kind, matrix, of_stacks
from shoal.array.linalg.tall import svd_of_small
from shoal.array.nodes.algorithm import Algorithm, Tasks
from shoal.array.reductions import max as max_of
from shoal.array.reductions import sum as sum_of
from shoal.array.routines.products import matmul
from shoal.array.whole import one_block
from shoal.expr.annotate import current_annotations

__all__ = ["cholesky", "inv", "lstsq", "lu", "solve", "solve_triangular"]


def _square_blocks(a: Array) -> Array:
    """The matrix with the blocks of its rows also along its columns."""
    if any(n != n for n in a.shape):
        raise ValueError(
            f"a matrix of shape {a.shape} cannot be factored block by block, its lengths are not "
            "known; call compute_chunk_sizes() first"
        )
    rows, columns = a.chunks
    out: Array = a if rows == columns else a.rechunk((rows, rows))
    return out


def _array(steps: Any, inputs: list[Array], chunks: Any, kind: Any, **options: Any) -> Array:
    return Array(
        Algorithm(
            steps,
            tuple([a._node for a in inputs]),
            chunks,
            np.empty((0,) * len(chunks), kind),
            tuple(options.items()),
            annotations=current_annotations(),
        )
    )


def _cholesky(tasks: Tasks, grid: Any, blocks: tuple[int, ...], dtype: Any) -> list[int]:
    """The lower factor."""
    a, count = grid.copy(), len(blocks)
    subtract = partial(subtract_product, adjoint=True)
    for k in range(count):
        a[k, k] = tasks.call(cholesky_block, a[k, k])
        for i in range(k + 1, count):
            a[i, k] = tasks.call(solve_right_block, a[i, k], a[k, k])
        for i in range(k + 1, count):
            for j in range(k + 1, i + 1):
                a[i, j] = tasks.call(subtract, a[i, j], a[i, k], a[j, k])
    for i in range(count):
        for j in range(i + 1, count):
            a[i, j] = tasks.call(partial(np.zeros, (blocks[i], blocks[j]), dtype))
    return list(a.flat)


def cholesky(a: Any, lower: bool = False, *, upper: bool | None = None) -> Array:
    """The Cholesky factor of a positive definite matrix, or of each of a stack.

    Parameters
    ----------
    a
        A square matrix, of which the lower triangle is read.
    lower
        Whether to return the lower factor; the upper one by default.
    upper
        NumPy's word for the opposite; it counts where it is given.

    Raises
    ------
    numpy.linalg.LinAlgError
        When computed: the matrix is not positive definite.

    Examples
    --------
    >>> import shoal.array as da
    >>> cholesky(4 * da.eye(2, chunks=1)).compute()
    array([[2., 0.],
           [0., 2.]])
    """
    a = matrix(a, "cholesky", square=True, stacks=True)
    lower = lower if upper is None else not upper
    if a.ndim > 2:
        factor = of_stacks(np.linalg.cholesky, "(m,m)->(m,m)", a)
    else:
        a = _square_blocks(a)
        dtype = factored_kind(a)
        factor = _array(_cholesky, [a], a.chunks, dtype, blocks=a.chunks[0], dtype=dtype)
    return factor if lower else np.conj(factor.swapaxes(-1, -2))  # type: ignore[no-any-return]


def _pivoted(tasks: Tasks, grid: Any, columns: tuple[int, ...]) -> list[int]:
    """The factors with partial pivoting, column of blocks by column of blocks."""
    panels = list(grid[0])
    starts = [0, *np.cumsum(columns).tolist()]
    for k, first in zip(range(len(panels)), starts, strict=False):
        panels[k] = tasks.call(partial(pivot_panel, first=first), panels[k])
        for j in range(k + 1, len(panels)):
            panels[j] = tasks.call(update_pivoted, panels[j], panels[k])
    later: list[tuple[int, ...]] = [()]
    for panel in reversed(panels):
        later.insert(0, (tasks.call(compose_orders, panel, *later[0]),))
    return [
        tasks.call(finish_pivoted, panel, *later[0], *after)
        for panel, after in zip(panels, later[1:], strict=True)
    ]


_pivoted.__name__ = "lu"


def _factored(a: Array) -> tuple[Array, Array, Array]:
    """Order of rows, L and U."""
    a = _square_blocks(a)
    n, columns = a.shape[0], a.chunks[1]
    dtype = factored_kind(a)
    panels = a.rechunk({0: -1})
    # The blocks of this one are panels with their orders; nobody sees it.
    factored = _array(_pivoted, [panels], panels.chunks, dtype, columns=columns)
    kind = np.empty((0, 0), dtype)

    def part(name: str) -> Array:
        func = partial(pivoted_part, part=name)
        return blockwise(func, "ij", factored, "ij", token=f"lu-{name}", meta=kind)

    order = blockwise(
        partial(pivoted_part, part="order"),
        "i",
        *(factored.blocks[0, 0], "ij"),
        concatenate=True,
        adjust_chunks={"i": n},
        token="lu-order",
        meta=np.empty(0, np.intp),
    )
    return order, part("l").rechunk(a.chunks), part("u").rechunk(a.chunks)


def lu(a: Any) -> tuple[Array, Array, Array]:
    """The LU factorisation with partial pivoting; see `scipy.linalg.lu`.

    Parameters
    ----------
    a
        A square matrix.

    Returns
    -------
    p, l, u
        A permutation matrix, a lower triangular one with ones on its diagonal, and an upper one.

    Raises
    ------
    ValueError
        It is no square matrix, or its shape is not known.

    Examples
    --------
    >>> import shoal.array as da
    >>> p, l, u = lu(da.asarray([[1.0, 2], [4, 4]], chunks=1))
    >>> l.compute(), u.compute()
    (array([[1.  , 0.  ],
           [0.25, 1.  ]]), array([[4., 4.],
           [0., 1.]]))
    """
    a = matrix(a, "lu", square=True)
    order, lower, upper = _factored(a)
    (rows,) = (lower.chunks[0],)
    places = arange(a.shape[0], chunks=(rows,))
    p = (places[:, None] == order.rechunk((rows,))[None, :]).astype(lower.dtype)
    return p, lower, upper


def _substituted(tasks: Tasks, triangle: Any, right: Any, lower: bool, unit: bool) -> list[int]:
    """Forward or backward substitution."""
    x, count = right.copy().reshape(len(triangle), -1), len(triangle)
    order = range(count) if lower else range(count - 1, -1, -1)
    solve = partial(solve_block, lower=lower, unit=unit)
    for column in range(x.shape[1]):
        for i in order:
            before = range(i) if lower else range(i + 1, count)
            for j in before:
                x[i, column] = tasks.call(
                    subtract_product, x[i, column], triangle[i, j], x[j, column]
                )
            x[i, column] = tasks.call(solve, triangle[i, i], x[i, column])
    return list(x.flat)


_substituted.__name__ = "solve-triangular"


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Array:
    """The solution of ``a x = b`` with a triangular matrix; see `scipy.linalg.solve_triangular`.

    Parameters
    ----------
    a
        A square matrix, of which the other triangle is not read.
    b
        A vector or a matrix.
    lower
        Whether the lower triangle is meant.

    Raises
    ------
    ValueError
        The shapes do not fit, or are not known.
    numpy.linalg.LinAlgError
        When computed: a number on the diagonal is zero.

    Examples
    --------
    >>> import shoal.array as da
    >>> solve_triangular(2 * da.eye(2, chunks=1), da.ones(2)).compute()
    array([0.5, 0.5])
    """
    a, b = _system("solve_triangular", a, b)
    return _solve_triangular(_square_blocks(a), b, lower, False)


def _solve_triangular(a: Array, b: Array, lower: bool, unit: bool) -> Array:
    b = b.rechunk({0: a.chunks[0]})
    dtype = factored_kind(a, b)
    return _array(_substituted, [a, b], b.chunks, dtype, lower=lower, unit=unit)


def _system(name: str, a: Any, b: Any) -> tuple[Array, Array]:
    a, b = matrix(a, name, square=True), asanyarray(b)
    if b.ndim not in (1, 2) or (b.shape[0] != a.shape[0] and b.shape[0] == b.shape[0]):
        raise ValueError(
            f"{name}: a matrix of shape {a.shape} and a right side of shape {b.shape} do not fit, "
            "their first axes must be equally long"
        )
    return a, b


def solve(a: Any, b: Any, sym_pos: bool | None = None, assume_a: str = "gen") -> Array:
    """The solution of ``a x = b``; see `scipy.linalg.solve`.

    Parameters
    ----------
    a
        A square matrix, or a stack of them.
    b
        A vector or a matrix; or a stack of matrices.
    sym_pos
        An old word for ``assume_a="pos"``.
    assume_a
        "pos" for a positive definite matrix, which is solved by its Cholesky factor; else, for
        "gen", by LU with partial pivoting.

    Raises
    ------
    ValueError
        The shapes do not fit, or are not known.
    numpy.linalg.LinAlgError
        When computed: the matrix is singular, or, for "pos", not positive definite.

    Examples
    --------
    >>> import shoal.array as da
    >>> solve(2 * da.eye(2, chunks=1), da.ones(2)).compute()
    array([0.5, 0.5])
    """
    if sym_pos is not None:
        warnings.warn(
            "The sym_pos keyword is deprecated and should be replaced by using ``assume_a = "
            "'pos'``.",
            FutureWarning,
            stacklevel=2,
        )
        assume_a = "pos" if sym_pos else assume_a
    if assume_a not in ("gen", "pos", "sym", "her"):
        raise ValueError(f"{assume_a!r} is not a recognized matrix structure; use 'gen' or 'pos'")
    if max(np.ndim(a), np.ndim(b)) > 2:
        core = "(m,m),(m)->(m)" if np.ndim(b) == 1 else "(m,m),(m,n)->(m,n)"
        made: Array = of_stacks(np.linalg.solve, core, matrix(a, "solve", True, True), b)
        return made
    a, b = _system("solve", a, b)
    if assume_a == "pos":
        factor = cholesky(a, lower=True)
        turned: Any = adjoint(factor)
        return _solve_triangular(turned, _solve_triangular(factor, b, True, False), False, False)
    order, lower, upper = _factored(a)
    x = _solve_triangular(lower, b[order], True, True)
    return _solve_triangular(upper, x, False, False)


def inv(a: Any) -> Array:
    """The inverse; see `numpy.linalg.inv`.

    Parameters
    ----------
    a
        A square matrix, or a stack of them.

    Raises
    ------
    numpy.linalg.LinAlgError
        It is not square, or, when computed, it is singular.

    Examples
    --------
    >>> import shoal.array as da
    >>> inv(2 * da.eye(2, chunks=1)).compute()
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    a = matrix(a, "inv", square=True, stacks=True)
    if a.ndim > 2:
        made: Array = of_stacks(np.linalg.inv, "(m,m)->(m,m)", a)
        return made
    a = _square_blocks(a)
    unit = eye(a.shape[0], chunks=-1, dtype=factored_kind(a)).rechunk(a.chunks)
    return solve(a, unit)


def lstsq(a: Any, b: Any) -> tuple[Array, Array, Array, Array]:
    """The least squares solution of ``a x = b``; see `numpy.linalg.lstsq`.

    Parameters
    ----------
    a
        A matrix in any blocks, higher than wide.
    b
        A vector or a matrix.

    Returns
    -------
    solution, residuals, rank, singular values
        The solution is in the blocks of columns that ``b`` has.

    Examples
    --------
    >>> import shoal.array as da
    >>> x, *_ = lstsq(
    ...     da.asarray([[1.0], [1.0]], chunks=1).rechunk((1, 1)), da.asarray([1.0, 3])
    ... )
    >>> x.compute()
    array([2.])
    """
    a, b = matrix(a, "lstsq"), asanyarray(b)
    q, r = qr(a)
    right = matmul(adjoint(q), b)
    dtype = factored_kind(r, right)
    x = _solution(r, right, a.shape[1], dtype)
    rest = b - matmul(a, x)
    residuals = sum_of((rest * np.conj(rest)).real, axis=0, keepdims=b.ndim == 1)
    if a.shape[0] <= a.shape[1]:
        # Nothing is left over, and NumPy then returns nothing.
        residuals = residuals[:0]
    s = svd_of_small(r)[1]
    rank = sum_of(s > max(a.shape) * np.finfo(s.dtype).eps * max_of(s))
    return x, residuals, rank, s


def _solution(r: Array, right: Array, rows: int, dtype: Any) -> Array:
    """The solutions for each block of columns, in the same blocks."""
    columns = tuple(range(2, right.ndim + 1))
    return blockwise(
        _solve_block,
        (right.ndim + 1, *columns),
        one_block(r, (0, 1)),
        (0, 1),
        one_block(right, (0,)),
        (right.ndim + 2, *columns),
        new_axes={right.ndim + 1: rows},
        concatenate=True,
        token="lstsq",
        meta=np.empty((0,) * right.ndim, dtype),
    )


def _solve_block(r: Any, right: Any) -> Any:
    return np.linalg.lstsq(r, right, rcond=None)[0]
