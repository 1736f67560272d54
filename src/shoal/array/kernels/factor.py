"""Factorisations of blocks, and what they do to other blocks.

Householder reflections are kept as ``I - v t v*`` (Schreiber and Van Loan 1989), so that applying
many of them is two matrix products.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from shoal.optional import import_required

__all__ = [
    "Pivoted",
    "Reflections",
    "apply_factor",
    "apply_reflections",
    "cholesky_block",
    "compose_orders",
    "finish_pivoted",
    "merge_factors",
    "merge_triangles",
    "part_of_factors",
    "pivot_panel",
    "pivoted_part",
    "qr_block",
    "reflect_panel",
    "solve_block",
    "solve_right_block",
    "subtract_product",
    "triangle_of_block",
    "unit_panel",
    "update_panel",
    "update_pivoted",
]


def qr_block(block: Any) -> tuple[Any, Any]:
    """``q`` and ``r`` of a block.

    Parameters
    ----------
    block
        A matrix.

    Examples
    --------
    >>> [part.shape for part in qr_block(np.ones((4, 2)))]
    [(4, 2), (2, 2)]
    """
    q, r = np.linalg.qr(block)
    return q, r


def merge_factors(*factors: tuple[Any, Any]) -> tuple[list[Any], Any]:
    """The factors of the ``r`` of several blocks: a part of ``q`` for each, and ``r`` of them all.

    Parameters
    ----------
    *factors
        As `qr_block` or this gives them.

    Examples
    --------
    >>> parts, r = merge_factors(qr_block(np.ones((4, 2))), qr_block(np.ones((1, 2))))
    >>> [part.shape for part in parts], r.shape
    ([(2, 2), (1, 2)], (2, 2))
    """
    rs = [r for _, r in factors]
    q, r = np.linalg.qr(np.concatenate(rs))
    ends = np.cumsum([len(r) for r in rs])[:-1]
    return np.split(q, ends), r


def triangle_of_block(block: Any) -> Any:
    """``r`` of a block, without ``q``.

    Parameters
    ----------
    block
        A matrix.

    Examples
    --------
    >>> abs(triangle_of_block(np.ones((4, 1))))
    array([[2.]])
    """
    return np.linalg.qr(block, mode="r")


def merge_triangles(*triangles: Any) -> Any:
    """``r`` of the ``r`` of several blocks.

    Parameters
    ----------
    *triangles
        As `triangle_of_block` or this gives them.

    Examples
    --------
    >>> abs(merge_triangles(np.ones((1, 1)), np.ones((3, 1))))
    array([[2.]])
    """
    return triangle_of_block(np.concatenate(triangles))


def apply_factor(factors: Any, above: Any, which: int) -> Any:
    """One of the parts of ``q`` times what the factors above in the tree have for it.

    Parameters
    ----------
    factors
        As `merge_factors` gives them, or `qr_block`.
    above
        A matrix; None where nothing is above.
    which
        Which part; -1 where ``q`` has none.

    Examples
    --------
    >>> apply_factor((np.eye(2), None), np.ones((2, 1)), -1).shape
    (2, 1)
    """
    own = factors[0] if which < 0 else factors[0][which]
    return own if above is None else own @ above


def part_of_factors(factors: Any, which: int) -> Any:
    """One of several results.

    Parameters
    ----------
    factors
        A tuple.
    which
        An index.

    Examples
    --------
    >>> part_of_factors((1, 2), 1)
    2
    """
    return factors[which]


class Reflections(NamedTuple):
    """A factored panel: the reflections that made it triangular, and itself.

    Examples
    --------
    >>> Reflections._fields
    ('v', 't', 'first', 'panel')
    """

    v: Any
    """Their vectors, as columns with a unit lower triangle."""
    t: Any
    """The triangle between them."""
    first: int
    """The row of the matrix that is the first of ``v``."""
    panel: Any
    """The panel, of which rows below its triangle are zero."""


def reflect_panel(panel: Any, first: int) -> Reflections:
    """Make the rows of a panel from one on triangular.

    Parameters
    ----------
    panel
        Columns of a matrix.
    first
        The row.

    Examples
    --------
    >>> bool(reflect_panel(np.ones((3, 1)), 0).panel[0, 0] < -1.7)
    True
    """
    packed, tau = np.linalg.qr(panel[first:], mode="raw")
    packed = packed.T
    rank = len(tau)
    v = np.tril(packed[:, :rank], -1)
    v[np.arange(rank), np.arange(rank)] = 1
    gram = v.conj().T @ v
    t = np.zeros((rank, rank), dtype=packed.dtype)
    for i in range(rank):
        t[:i, i] = -tau[i] * (t[:i, :i] @ gram[:i, i])
        t[i, i] = tau[i]
    done = np.concatenate([panel[:first].astype(packed.dtype, copy=False), np.triu(packed)])
    return Reflections(v, t, first, done)


def update_panel(panel: Any, factored: Reflections) -> Any:
    """Another panel after the reflections.

    Parameters
    ----------
    panel
        Columns of the same matrix.
    factored
        As `reflect_panel` gives it.

    Examples
    --------
    >>> x = np.ones((3, 1))
    >>> bool(abs(update_panel(x, reflect_panel(x, 0))[1:]).max() < 1e-15)
    True
    """
    return _reflected(panel, factored, factored.t.conj().T)


def apply_reflections(panel: Any, factored: Reflections) -> Any:
    """A panel before the reflections, so to say: they are undone.

    Parameters
    ----------
    panel
        Columns.
    factored
        As `reflect_panel` gives it.

    Examples
    --------
    >>> x = np.ones((3, 1))
    >>> factored = reflect_panel(x, 0)
    >>> apply_reflections(factored.panel, factored).round(12)
    array([[1.],
           [1.],
           [1.]])
    """
    return _reflected(panel, factored, factored.t)


def _reflected(panel: Any, factored: Reflections, t: Any) -> Any:
    v, first = factored.v, factored.first
    out = panel.astype(np.result_type(panel.dtype, v.dtype))
    out[first:] -= v @ (t @ (v.conj().T @ out[first:]))
    return out


def unit_panel(rows: int, columns: int, first: int, dtype: Any) -> Any:
    """Columns of the identity.

    Parameters
    ----------
    rows, columns
        The shape.
    first
        Which is the first.
    dtype
        Of the elements.

    Examples
    --------
    >>> unit_panel(3, 1, 1, int)
    array([[0],
           [1],
           [0]])
    """
    return np.eye(rows, columns, -first, dtype=dtype)


class Pivoted(NamedTuple):
    """A panel of an LU factorisation with partial pivoting.

    Examples
    --------
    >>> Pivoted._fields
    ('panel', 'order', 'first')
    """

    panel: Any
    """Both factors in one: L below the diagonal, whose own is 1, and U."""
    order: Any
    """The order of all rows that pivoting has brought about."""
    first: int
    """The row of the matrix that is the first of the triangle."""


def pivot_panel(panel: Any, first: int) -> Pivoted:
    """Factor the rows of a panel from one on.

    Parameters
    ----------
    panel
        Columns of a square matrix.
    first
        The row.

    Examples
    --------
    >>> pivot_panel(np.array([[1.0], [2.0]]), 0).order
    array([1, 0])
    """
    linalg = import_required("scipy.linalg", "linalg.lu", "scipy")
    packed, swaps = linalg.lu_factor(panel[first:], check_finite=False)
    order = np.arange(len(panel))
    for i, j in enumerate(swaps):
        order[[first + i, first + j]] = order[[first + j, first + i]]
    return Pivoted(np.concatenate([panel[:first], packed]), order, first)


def update_pivoted(panel: Any, factored: Pivoted) -> Any:
    """A panel to the right after a factored one.

    Parameters
    ----------
    panel
        Columns of the same matrix.
    factored
        As `pivot_panel` gives it.

    Examples
    --------
    >>> update_pivoted(np.array([[1.0], [2.0]]), pivot_panel(np.array([[1.0], [2.0]]), 0))
    array([[2.],
           [0.]])
    """
    linalg = import_required("scipy.linalg", "linalg.lu", "scipy")
    first, width = factored.first, factored.panel.shape[1]
    end = first + width
    out = panel[factored.order]
    out = out.astype(np.result_type(out.dtype, factored.panel.dtype), copy=False)
    told = {"lower": True, "unit_diagonal": True, "check_finite": False}
    out[first:end] = linalg.solve_triangular(factored.panel[first:end], out[first:end], **told)
    out[end:] -= factored.panel[end:] @ out[first:end]
    return out


def compose_orders(factored: Pivoted, later: Any = None) -> Any:
    """The order of rows after this panel's pivoting and all later ones.

    Parameters
    ----------
    factored
        As `pivot_panel` gives it.
    later
        That of the later ones.

    Examples
    --------
    >>> compose_orders(Pivoted(None, np.array([1, 0]), 0), np.array([1, 0]))
    array([0, 1])
    """
    return factored.order if later is None else factored.order[later]


def finish_pivoted(factored: Pivoted, whole: Any, later: Any = None) -> Pivoted:
    """A panel whose rows stand where the later ones' pivoting has put them.

    Parameters
    ----------
    factored
        As `pivot_panel` gives it.
    whole
        The order of rows that all pivoting has brought about.
    later
        That of the later panels; None for none.

    Examples
    --------
    >>> finish_pivoted(Pivoted(np.ones((2, 1)), None, 0), np.array([1, 0])).order
    array([1, 0])
    """
    panel = factored.panel if later is None else factored.panel[later]
    return Pivoted(panel, whole, factored.first)


def pivoted_part(factored: Pivoted, part: str) -> Any:
    """L, U or the order of rows.

    Parameters
    ----------
    factored
        As `finish_pivoted` gives it.
    part
        "l", "u" or "order".

    Examples
    --------
    >>> pivoted_part(Pivoted(np.array([[2.0], [0.5]]), None, 0), "l")
    array([[1. ],
           [0.5]])
    """
    if part == "order":
        return factored.order
    if part == "u":
        return np.triu(factored.panel, -factored.first)
    out = np.tril(factored.panel, -factored.first - 1)
    return out + np.eye(len(out), out.shape[1], -factored.first, dtype=out.dtype)


def cholesky_block(block: Any) -> Any:
    """The lower factor of a block.

    Parameters
    ----------
    block
        Positive definite; the lower triangle is read.

    Raises
    ------
    numpy.linalg.LinAlgError
        It is not positive definite.

    Examples
    --------
    >>> cholesky_block(np.array([[4.0]]))
    array([[2.]])
    """
    return np.linalg.cholesky(block)


def solve_block(triangle: Any, right: Any, lower: bool, unit: bool = False) -> Any:
    """The solution of a triangular system.

    Parameters
    ----------
    triangle
        A square matrix, of which the other triangle is not read.
    right
        The right side.
    lower
        Whether the lower triangle is meant.
    unit
        Whether the diagonal is taken for ones.

    Raises
    ------
    numpy.linalg.LinAlgError
        A number on the diagonal is zero.

    Examples
    --------
    >>> solve_block(np.array([[2.0]]), np.array([6.0]), True)
    array([3.])
    """
    linalg = import_required("scipy.linalg", "linalg.solve_triangular", "scipy")
    return linalg.solve_triangular(
        triangle, right, lower=lower, unit_diagonal=unit, check_finite=False
    )


def solve_right_block(block: Any, factor: Any) -> Any:
    """``x`` with ``x factor* = block``: a block of a Cholesky factor below the diagonal.

    Parameters
    ----------
    block
        A matrix.
    factor
        The lower factor on the diagonal.

    Examples
    --------
    >>> solve_right_block(np.array([[6.0]]), np.array([[2.0]]))
    array([[3.]])
    """
    return solve_block(factor, block.conj().T, True).conj().T


def subtract_product(block: Any, left: Any, right: Any, adjoint: bool = False) -> Any:
    """A block less a product.

    Parameters
    ----------
    block, left, right
        Matrices.
    adjoint
        Whether the right one is conjugated and transposed.

    Examples
    --------
    >>> subtract_product(np.array([[7.0]]), np.array([[2.0]]), np.array([[3.0]]))
    array([[1.]])
    """
    return block - left @ (right.conj().T if adjoint else right)
