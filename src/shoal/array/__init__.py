"""Arrays: NumPy's interface to many blocks that are computed side by side.

``import shoal.array as da`` takes the place of ``import numpy as np``.  Everything is lazy until it
is computed, by default in threads.  A name is loaded from the module for its topic when it is first
used (`HOMES`).
"""

from __future__ import annotations

import importlib
from typing import Any

HOMES: dict[str, str] = {
    "collection": "Array",
    "chunks": "normalize_chunks",
    "chunktypes": "register_chunk_type",
    "blocks": "blockwise unify_chunks",
    "mapping": "map_blocks",
    "conversion": "asanyarray asarray from_delayed",
    "creation": (
        "arange array diag diagonal empty empty_like eye fromfunction full full_like indices "
        "linspace meshgrid ones ones_like pad repeat tile tri tril tril_indices "
        "tril_indices_from triu triu_indices triu_indices_from zeros zeros_like"
    ),
    "elementwise": "elemwise",
    "io": "from_array",
    "io.hdf5": "to_hdf5",
    "io.npy_stack": "from_npy_stack to_npy_stack",
    "io.storing": "store",
    "io.zarr_arrays": "from_zarr to_zarr",
    "overlap": "map_overlap",
    "rechunking": "ravel rechunk reshape reshape_blockwise shuffle",
    "slicing": "choose compress extract take",
    "reductions": (
        "all any max mean min prod reduction sum argmax argmin argtopk cumprod cumreduction "
        "cumsum moment nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmin nanprod "
        "nanstd nansum nanvar std topk var"
    ),
    "routines": (
        "block broadcast_to concatenate expand_dims squeeze stack transpose "
        "aligned_coarsen_chunks allclose append apply_along_axis apply_over_axes argwhere "
        "around atleast_1d atleast_2d atleast_3d bincount broadcast_arrays coarsen delete "
        "diff digitize dot dstack ediff1d einsum flatnonzero flip fliplr flipud gradient "
        "histogram histogram2d histogramdd hstack insert isclose iscomplexobj isin isnull "
        "matmul moveaxis ndim nonzero notnull outer piecewise ravel_multi_index result_type "
        "roll rollaxis rot90 round searchsorted select shape swapaxes tensordot union1d "
        "unique unravel_index vdot vstack where"
    ),
    "ufunc": (
        "add subtract multiply divide true_divide floor_divide remainder mod fmod power "
        "float_power negative positive absolute fabs rint sign conj exp exp2 log log2 log10 "
        "expm1 log1p sqrt square cbrt reciprocal logaddexp logaddexp2 hypot heaviside sin cos "
        "tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh deg2rad "
        "rad2deg degrees radians bitwise_and bitwise_or bitwise_xor invert bitwise_not "
        "left_shift right_shift greater greater_equal less less_equal not_equal equal "
        "logical_and logical_or logical_xor logical_not maximum minimum fmax fmin isfinite "
        "isinf isnan signbit copysign nextafter spacing ldexp floor ceil trunc divmod modf "
        "frexp frompyfunc conjugate angle clip fix i0 imag iscomplex isneginf isposinf isreal "
        "nan_to_num real sinc"
    ),
    "statistics": (
        "average count_nonzero median nanmedian nanpercentile nanquantile percentile ptp "
        "quantile trace cov corrcoef"
    ),
    "gufuncs": "apply_gufunc as_gufunc gufunc",
}
"""Public names by the module that has them.  No module may have a public function's name."""

RENAMED: dict[str, tuple[str, str]] = {
    "abs": ("array.ufunc", "absolute"),
    "compute": ("collection", "compute"),
}
"""Other public names: the module within `shoal`, and the name there."""

CONSTANTS = (
    "bool complex64 complex128 e euler_gamma float32 float64 inf int8 int16 int32 int64 nan "
    "newaxis pi uint8 uint16 uint32 uint64"
)
"""Names that are NumPy's own."""

SUBMODULES = (
    "core creation fft lib linalg ma overlap random rechunking reductions routines slicing "
    "statistics ufunc"
)
"""Modules that people reach as attributes."""

_homes: dict[str, str] = {name: home for home, names in HOMES.items() for name in names.split()}
_submodules = frozenset(SUBMODULES.split())
_constants = frozenset(CONSTANTS.split())

__all__ = [
    "Array",
    "abs",
    "absolute",
    "add",
    "aligned_coarsen_chunks",
    "all",
    "allclose",
    "angle",
    "any",
    "append",
    "apply_along_axis",
    "apply_gufunc",
    "apply_over_axes",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argtopk",
    "argwhere",
    "around",
    "array",
    "as_gufunc",
    "asanyarray",
    "asarray",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "average",
    "bincount",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "block",
    "blockwise",
    "bool",
    "broadcast_arrays",
    "broadcast_to",
    "cbrt",
    "ceil",
    "choose",
    "clip",
    "coarsen",
    "complex128",
    "complex64",
    "compress",
    "compute",
    "concatenate",
    "conj",
    "conjugate",
    "copysign",
    "corrcoef",
    "cos",
    "cosh",
    "count_nonzero",
    "cov",
    "cumprod",
    "cumreduction",
    "cumsum",
    "deg2rad",
    "degrees",
    "delete",
    "diag",
    "diagonal",
    "diff",
    "digitize",
    "divide",
    "divmod",
    "dot",
    "dstack",
    "e",
    "ediff1d",
    "einsum",
    "elemwise",
    "empty",
    "empty_like",
    "equal",
    "euler_gamma",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "extract",
    "eye",
    "fabs",
    "fix",
    "flatnonzero",
    "flip",
    "fliplr",
    "flipud",
    "float32",
    "float64",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frexp",
    "from_array",
    "from_delayed",
    "from_npy_stack",
    "from_zarr",
    "fromfunction",
    "frompyfunc",
    "full",
    "full_like",
    "gradient",
    "greater",
    "greater_equal",
    "gufunc",
    "heaviside",
    "histogram",
    "histogram2d",
    "histogramdd",
    "hstack",
    "hypot",
    "i0",
    "imag",
    "indices",
    "inf",
    "insert",
    "int16",
    "int32",
    "int64",
    "int8",
    "invert",
    "isclose",
    "iscomplex",
    "iscomplexobj",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isnull",
    "isposinf",
    "isreal",
    "ldexp",
    "left_shift",
    "less",
    "less_equal",
    "linspace",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "map_blocks",
    "map_overlap",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mod",
    "modf",
    "moment",
    "moveaxis",
    "multiply",
    "nan",
    "nan_to_num",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nansum",
    "nanvar",
    "ndim",
    "negative",
    "newaxis",
    "nextafter",
    "nonzero",
    "normalize_chunks",
    "not_equal",
    "notnull",
    "ones",
    "ones_like",
    "outer",
    "pad",
    "percentile",
    "pi",
    "piecewise",
    "positive",
    "power",
    "prod",
    "ptp",
    "quantile",
    "rad2deg",
    "radians",
    "ravel",
    "ravel_multi_index",
    "real",
    "rechunk",
    "reciprocal",
    "reduction",
    "register_chunk_type",
    "remainder",
    "repeat",
    "reshape",
    "reshape_blockwise",
    "result_type",
    "right_shift",
    "rint",
    "roll",
    "rollaxis",
    "rot90",
    "round",
    "searchsorted",
    "select",
    "shape",
    "shuffle",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "spacing",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "store",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "to_hdf5",
    "to_npy_stack",
    "to_zarr",
    "topk",
    "trace",
    "transpose",
    "tri",
    "tril",
    "tril_indices",
    "tril_indices_from",
    "triu",
    "triu_indices",
    "triu_indices_from",
    "true_divide",
    "trunc",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "unify_chunks",
    "union1d",
    "unique",
    "unravel_index",
    "var",
    "vdot",
    "vstack",
    "where",
    "zeros",
    "zeros_like",
]


def __getattr__(name: str) -> Any:
    """Load a public name.

    Parameters
    ----------
    name
        One of ``__all__``, or a module.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.float64, da.ones(2).shape
    (<class 'numpy.float64'>, (2,))
    """
    if name in _homes:
        value = getattr(importlib.import_module(f"shoal.array.{_homes[name]}"), name)
    elif name in RENAMED:
        home, real = RENAMED[name]
        value = getattr(importlib.import_module(f"shoal.{home}"), real)
    elif name in _constants:
        value = getattr(importlib.import_module("numpy"), name)
    elif name in _submodules:
        return importlib.import_module(f"shoal.array.{name}")
    else:
        raise AttributeError(f"module 'shoal.array' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_submodules})
