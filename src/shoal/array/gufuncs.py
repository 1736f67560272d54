"""Generalized ufuncs: functions of whole axes, applied along the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.meta import infer_meta, meta_from_array
from shoal.graph.naming import funcname

__all__ = ["apply_gufunc", "as_gufunc", "gufunc"]

_NAME = r"[^\W\d]\w*"
_CORE = rf"\((?:{_NAME}(?:,{_NAME})*,?)?\)"
_SIGNATURE = re.compile(rf"^{_CORE}(?:,{_CORE})*->(?:{_CORE}(?:,{_CORE})*)?,?$")


def _parse_gufunc_signature(signature: str) -> tuple[list[tuple[str, ...]], Any]:
    """Core axes of each input, and of each result, or of the only one.

    >>> _parse_gufunc_signature("(i,j),(j)->(i)")
    ([('i', 'j'), ('j',)], ('i',))
    """
    text = re.sub(r"\s+", "", signature)
    if not _SIGNATURE.match(text) and not re.match(rf"^->{_CORE}(?:,{_CORE})*$", text):
        raise ValueError(f"Not a valid gufunc signature: {signature!r}")
    left, right = text.split("->")
    inputs = [tuple(re.findall(_NAME, core)) for core in re.findall(_CORE, left)]
    outputs = [tuple(re.findall(_NAME, core)) for core in re.findall(_CORE, right)]
    if len(outputs) == 1 and not right.endswith(","):
        return inputs, outputs[0]
    return inputs, outputs


def _validate_normalize_axes(
    axes: Any, axis: Any, keepdims: bool, input_coredimss: Any, output_coredimss: Any
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Where the core axes of each input and result are.

    >>> _validate_normalize_axes(None, 0, False, [("i",)], ())
    ([(0,)], [()])
    """
    single = output_coredimss == () or not isinstance(output_coredimss, list)
    outputs = [output_coredimss] if single else list(output_coredimss)
    if axes is not None and axis is not None:
        raise ValueError("Only one of `axis` or `axes` keyword arguments should be given")
    if axes is not None and not isinstance(axes, list):
        raise ValueError("`axes` has to be of type list")
    cores = {core for core in input_coredimss if core}
    first = len(input_coredimss[0]) if input_coredimss else 0
    if keepdims:
        if any(len(core) != first for core in input_coredimss) or any(outputs):
            raise ValueError("keepdims is only allowed if all inputs have the same core axes")
        outputs = [input_coredimss[0]] * len(outputs)
    if axis is not None:
        if not isinstance(axis, int):
            raise ValueError("`axis` argument has to be an integer value")
        if len(cores) != 1 or len(next(iter(cores))) != 1:
            raise ValueError("`axis` can be used only, if one core dimension is present")
        axes = [(axis,) if core else () for core in [*input_coredimss, *outputs]]
    if axes is None:
        axes = [tuple(range(-len(core), 0)) for core in [*input_coredimss, *outputs]]
    axes = [(a,) if isinstance(a, int) else a for a in axes]
    if any(not isinstance(a, tuple) for a in axes):
        raise ValueError("`axes` argument has to be a list of ints or tuples")
    count = len(input_coredimss)
    if not any(outputs) and len(axes) == count:
        axes = [*axes, *[()] * len(outputs)]
    if keepdims and len(axes) == count + len(outputs) and not any(axes[count:]):
        axes = [*axes[:count], *[axes[0]] * len(outputs)]
    if len(axes) != count + len(outputs):
        raise ValueError(
            "The number of `axes` entries is not equal the number of input and output arguments"
        )
    found = list(axes[:count]), list(axes[count:])
    for what, own, cored in zip(
        ("input", "output"), found, (input_coredimss, outputs), strict=True
    ):
        for i, (a, core) in enumerate(zip(own, cored, strict=True)):
            if len(a) != len(core):
                raise ValueError(
                    f"The number of `axes` entries for argument #{i} is not equal the number of "
                    f"respective {what} core dimensions in signature"
                )
    return found


class _Core:
    """A function of blocks; its results are told apart by ``which``."""

    def __init__(self, func: Callable[..., Any], which: int | None, kwargs: Any) -> None:
        self.func = func
        self.which = which
        self.kwargs = kwargs

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *blocks: Any) -> Any:
        out = self.func(*blocks, **dict(self.kwargs))
        return out if self.which is None else out[self.which]

    def __shoal_tokenize__(self) -> Any:
        return "gufunc", self.func, self.which, self.kwargs


def apply_gufunc(
    func: Callable[..., Any],
    signature: str,
    *args: Any,
    axes: Any = None,
    axis: Any = None,
    keepdims: bool = False,
    output_dtypes: Any = None,
    output_sizes: Any = None,
    vectorize: bool | None = None,
    allow_rechunk: bool = False,
    meta: Any = None,
    **kwargs: Any,
) -> Any:
    """Apply a function of whole axes along all the others, with broadcasting.

    Parameters
    ----------
    func
        Of arrays; core axes are the last ones of each.
    signature
        Such as ``"(i,j),(j)->(i)"``: core axes of the inputs and the results.
    *args
        Arrays.
    axes, axis, keepdims
        Where core axes are, as `numpy.ufunc` has them.
    output_dtypes, meta
        Of the results, where they cannot be found out with metas.
    output_sizes
        Lengths of core axes that no input has.
    vectorize
        Whether the function takes core axes only, so that it is called for every element of the
        others.
    allow_rechunk
        Whether core axes of several blocks become one.
    **kwargs
        The function's.

    Returns
    -------
    Array, or a tuple of them where the signature has several results

    Raises
    ------
    ValueError
        Shapes, blocks and signature do not fit.

    Examples
    --------
    >>> import shoal.array as da
    >>> apply_gufunc(lambda x: x.mean(-1), "(i)->()", da.ones((4, 3), chunks=(2, 3))).compute()
    array([1., 1., 1., 1.])
    """
    inputs, output = _parse_gufunc_signature(signature)
    several = isinstance(output, list)
    outputs = output if several else [output]
    if len(inputs) != len(args):
        raise ValueError(
            f"According to `signature`, `func` requires {len(inputs)} arguments, but {len(args)} "
            "given"
        )
    places = _validate_normalize_axes(axes, axis, keepdims, inputs, output)
    arrays = [_last(asanyarray(a), own) for a, own in zip(args, places[0], strict=True)]
    if meta is not None and output_dtypes is not None:
        raise ValueError(
            "Only one of `meta` and `output_dtypes` should be given (`meta` is preferred)."
        )
    if vectorize:
        func = np.vectorize(func, signature=signature, otypes=_types(output_dtypes, meta, several))
    loops, sizes, arrays = _checked(arrays, inputs, allow_rechunk)
    sizes.update(output_sizes or {})
    told = tuple(sorted(kwargs.items()))
    kinds = _kinds(func, told, arrays, outputs, several, output_dtypes, meta)
    results = []
    counts = [a.ndim - len(core) for a, core in zip(arrays, inputs, strict=True)]
    outer = tuple([f"__loop{i}__" for i in range(len(loops))])
    labels = [outer[len(loops) - n :] for n in counts]
    pairs = [
        item
        for a, loop, core in zip(arrays, labels, inputs, strict=True)
        for item in (a, (*loop, *core))
    ]
    for i, core in enumerate(outputs):
        missing = [d for d in core if d not in sizes]
        if missing:
            raise ValueError(f"output_sizes= must tell the length of core axes {missing}")
        known = {d for own in inputs for d in own}
        result = blockwise(
            _Core(func, i if several else None, told),
            (*outer, *core),
            *pairs,
            new_axes={d: sizes[d] for d in core if d not in known},
            concatenate=True,
            token=funcname(func),
            meta=meta_from_array(kinds[i], len(outer) + len(core)),
        )
        results.append(_placed(result, places[1][i], keepdims))
    return tuple(results) if several else results[0]


def _last(a: Array, axes: tuple[int, ...]) -> Array:
    """Core axes as the last ones."""
    own = [i % a.ndim if -a.ndim <= i < a.ndim else _out_of_bounds(i, a) for i in axes]
    order = [i for i in range(a.ndim) if i not in own] + own
    return a.transpose(order) if order != list(range(a.ndim)) else a


def _out_of_bounds(axis: int, a: Array) -> int:
    raise ValueError(f"core axis {axis} is out of bounds for an array of shape {a.shape}")


def _placed(result: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """Core axes where the caller wants them."""
    if keepdims:
        result = result[(Ellipsis,) + (None,) * len(axes)]
    if not axes:
        return result
    ndim = result.ndim
    own = [i % ndim for i in axes]
    order = list(range(ndim - len(axes)))
    for place, source in sorted(zip(own, range(ndim - len(axes), ndim), strict=True)):
        order.insert(place, source)
    return result.transpose(order)


def _checked(
    arrays: list[Array], inputs: Any, allow_rechunk: bool
) -> tuple[tuple[int, ...], dict[str, Any], list[Array]]:
    """Shape of the other axes, lengths of core axes, arrays with whole core axes."""
    sizes: dict[str, Any] = {}
    out, shapes = [], []
    for a, core in zip(arrays, inputs, strict=True):
        if a.ndim < len(core):
            raise ValueError(f"an input of shape {a.shape} has not the core axes {core}")
        shapes.append(a.shape[: a.ndim - len(core)])
        for k, d in enumerate(core, a.ndim - len(core)):
            if d in sizes and sizes[d] != a.shape[k] and sizes[d] == sizes[d]:
                raise ValueError(
                    f"Dimension `'{d}'` with different lengths in arrays: {sizes[d]} and "
                    f"{a.shape[k]}"
                )
            sizes[d] = a.shape[k]
            if len(a.chunks[k]) > 1:
                if not allow_rechunk:
                    raise ValueError(
                        f"Core dimension `'{d}'` consists of multiple chunks. To fix, rechunk "
                        "into a single array chunk along this dimension or set "
                        "`allow_rechunk=True`, but "
                        "but beware that this may increase memory usage significantly."
                    )
                a = a.rechunk({k: -1})
        out.append(a)
    _check_loops(shapes)
    longest = max(shapes, key=len, default=())
    return longest, sizes, out


def _check_loops(shapes: list[tuple[int, ...]]) -> None:
    ndim = max(map(len, shapes), default=0)
    for i in range(ndim):
        lengths = {s[i - ndim + len(s)] for s in shapes if i - ndim + len(s) >= 0} - {1}
        if len({n for n in lengths if n == n}) > 1:
            raise ValueError(
                f"Dimension `'__loopdim{i}__'` with different lengths in arrays: {sorted(lengths)}"
            )


def _types(dtypes: Any, meta: Any, several: bool) -> Any:
    if meta is not None:
        return [m.dtype for m in meta] if isinstance(meta, tuple) else [meta.dtype]
    if dtypes is None:
        return None
    return list(dtypes) if isinstance(dtypes, list | tuple) else [dtypes]


def _kinds(
    func: Any, told: Any, arrays: list[Array], outputs: Any, several: bool, dtypes: Any, meta: Any
) -> list[Any]:
    """A meta for each result."""
    if meta is not None:
        given = list(meta) if isinstance(meta, tuple | list) else [meta]
        if len(given) != len(outputs):
            raise ValueError(
                f"meta= has {len(given)} entries, the signature {len(outputs)} results"
            )
        return [meta_from_array(m) for m in given]
    if dtypes is not None:
        own = list(dtypes) if isinstance(dtypes, list | tuple) else [dtypes] * len(outputs)
        if len(own) != len(outputs):
            raise ValueError(
                f"output_dtypes= has {len(own)} entries, and the signature {len(outputs)} results"
            )
        kind = arrays[0]._meta if arrays else np.empty(0)
        return [meta_from_array(kind, kind.ndim, t) for t in own]
    found = infer_meta(func, [a._meta for a in arrays], dict(told))
    if found is None or (several and not isinstance(found, tuple | list)):
        samples = [np.ones((1,) * a.ndim, a.dtype) for a in arrays]
        found = infer_meta(func, samples, dict(told))
    if found is None:
        raise ValueError(
            f"`dtype` inference failed in `apply_gufunc`: {funcname(func)} failed on samples; say "
            "what it returns with output_dtypes= or meta="
        )
    parts = list(found) if several else [found]
    if len(parts) != len(outputs):
        raise ValueError(f"{funcname(func)} returns {len(parts)} results, not {len(outputs)}")
    return [p if hasattr(p, "dtype") and hasattr(p, "ndim") else np.asarray(p) for p in parts]


class gufunc:
    """A function of whole axes, as a callable of arrays.

    Parameters
    ----------
    pyfunc
        The function.
    signature, vectorize, axes, axis, keepdims, output_sizes, output_dtypes, allow_rechunk, meta
        As of `apply_gufunc`.

    Examples
    --------
    >>> import shoal.array as da
    >>> mean = gufunc(lambda x: x.mean(-1), signature="(i)->()")
    >>> mean(da.ones((2, 3), chunks=(1, 3))).compute()
    array([1., 1.])
    """

    def __init__(
        self,
        pyfunc: Callable[..., Any],
        *,
        signature: str | None = None,
        vectorize: bool = False,
        axes: Any = None,
        axis: Any = None,
        keepdims: bool = False,
        output_sizes: Any = None,
        output_dtypes: Any = None,
        allow_rechunk: bool = False,
        meta: Any = None,
    ) -> None:
        self.pyfunc = pyfunc
        self.signature = signature
        self.options = {
            "vectorize": vectorize,
            "axes": axes,
            "axis": axis,
            "keepdims": keepdims,
            "output_sizes": output_sizes,
            "output_dtypes": output_dtypes,
            "allow_rechunk": allow_rechunk,
            "meta": meta,
        }
        self.__name__ = getattr(pyfunc, "__name__", "gufunc")
        self.__doc__ = (
            f"Bound ``dask.array.gufunc``\nfunc: ``{self.__name__}``\n"
            f"signature: ``'{signature}'``\n\n"
            f"Parameters\n----------\n{pyfunc.__doc__ or ''}"
        )

    def __call__(self, *args: Any, allow_rechunk: bool = False, **kwargs: Any) -> Any:
        options = dict(self.options)
        options["allow_rechunk"] = allow_rechunk or options["allow_rechunk"]
        return apply_gufunc(self.pyfunc, str(self.signature), *args, **options, **kwargs)


def as_gufunc(signature: str | None = None, **kwargs: Any) -> Callable[[Any], gufunc]:
    """Decorate a function of whole axes.

    Parameters
    ----------
    signature, **kwargs
        As of `gufunc`.

    Examples
    --------
    >>> import shoal.array as da
    >>> @as_gufunc("(i)->()")
    ... def mean(x):
    ...     return x.mean(-1)
    >>> mean(da.ones((2, 3), chunks=(1, 3))).compute()
    array([1., 1.])
    """
    allowed = {
        *("vectorize", "axes", "axis", "keepdims", "output_sizes", "output_dtypes"),
        *("allow_rechunk", "meta"),
    }
    if set(kwargs) - allowed:
        raise TypeError(
            f"Unsupported keyword argument(s) provided: {sorted(set(kwargs) - allowed)}"
        )

    def decorate(pyfunc: Callable[..., Any]) -> gufunc:
        return gufunc(pyfunc, signature=signature, **kwargs)

    return decorate
