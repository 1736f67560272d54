"""Results of several parts, by the names that NumPy gives them."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["EigResult", "EighResult", "QRResult", "SVDResult", "SlogdetResult"]


class QRResult(NamedTuple):
    """What `qr` gives.

    Examples
    --------
    >>> QRResult._fields
    ('Q', 'R')
    """

    Q: Any
    """A matrix with orthonormal columns."""
    R: Any
    """An upper triangular matrix."""


class SVDResult(NamedTuple):
    """What `svd` gives.

    Examples
    --------
    >>> SVDResult._fields
    ('U', 'S', 'Vh')
    """

    U: Any
    """Left singular vectors, as columns."""
    S: Any
    """Singular values, the largest first."""
    Vh: Any
    """Right singular vectors, as rows."""


class EigResult(NamedTuple):
    """What `eig` gives.

    Examples
    --------
    >>> EigResult._fields
    ('eigenvalues', 'eigenvectors')
    """

    eigenvalues: Any
    """In no order."""
    eigenvectors: Any
    """As columns."""


class EighResult(NamedTuple):
    """What `eigh` gives.

    Examples
    --------
    >>> EighResult._fields
    ('eigenvalues', 'eigenvectors')
    """

    eigenvalues: Any
    """The smallest first."""
    eigenvectors: Any
    """As columns."""


class SlogdetResult(NamedTuple):
    """What `slogdet` gives.

    Examples
    --------
    >>> SlogdetResult._fields
    ('sign', 'logabsdet')
    """

    sign: Any
    """Of the determinant."""
    logabsdet: Any
    """The logarithm of its absolute value."""
