"""Linear algebra.

Factorisations go block by block where that is stable (`factors`, `solving`); what needs a matrix as
a whole says so (`stacks`, `singular`).
"""

from __future__ import annotations

from typing import Any

from shoal.array.linalg.factors import qr, sfqr, tsqr
from shoal.array.linalg.norms import matrix_norm, norm, vector_norm
from shoal.array.linalg.results import (
    EighResult,
    EigResult,
    QRResult,
    SlogdetResult,
    SVDResult,
)
from shoal.array.linalg.singular import (
    compression_level,
    compression_matrix,
    svd,
    svd_compressed,
    svd_flip,
)
from shoal.array.linalg.solving import cholesky, inv, lstsq, lu, solve, solve_triangular
from shoal.array.linalg.stacks import (
    cond,
    cross,
    det,
    diagonal,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    matrix_power,
    matrix_rank,
    multi_dot,
    outer,
    pinv,
    slogdet,
    svdvals,
    trace,
)
from shoal.array.refused import reason_of
from shoal.array.routines.products import matmul, tensordot
from shoal.array.routines.vectors import vecdot
from shoal.array.standard import matrix_transpose

__all__ = [
    "EigResult",
    "EighResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "compression_level",
    "compression_matrix",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "lu",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "sfqr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svd_compressed",
    "svd_flip",
    "svdvals",
    "tensordot",
    "trace",
    "tsqr",
    "vecdot",
    "vector_norm",
]


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}{reason_of(name, 'linalg')}"
    )
