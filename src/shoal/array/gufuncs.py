"""Generalized ufuncs: functions of whole axes, applied along the others.

A signature such as ``(i,j),(j)->(i)`` names the *core* axes of each argument and result; all other
axes are loops, which broadcast.  Core axes become the last ones and one block each, so that
`blockwise` can do the rest: what remains are loops over blocks.  Where there are several results
the function is called once for each block, whose answers are kept together; each result takes its
own from there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.meta import infer_dtype, infer_meta, meta_from_array
from shoal.array.rechunking import smaller_blocks
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
    if axes is not None and axis is not None:
        raise ValueError("Only one of `axis` or `axes` keyword arguments should be given")
    inputs = list(input_coredimss)
    outputs = output_coredimss if isinstance(output_coredimss, list) else [output_coredimss]
    if keepdims:
        outputs = _kept_cores(inputs, outputs)
    cores = [*inputs, *outputs]
    if axis is not None:
        given = _of_one_axis(axis, cores)
    elif axes is None:
        given = [tuple(range(-len(core), 0)) for core in cores]
    else:
        given = _completed(axes, inputs, outputs, keepdims)
    for i, (own, core) in enumerate(zip(given, cores, strict=True)):
        if len(own) != len(core):
            is_input = i < len(inputs)
            raise ValueError(
                f"The number of `axes` entries for argument #{i if is_input else i - len(inputs)} "
                f"is not equal the number of respective {'input' if is_input else 'output'} core "
                f"dimensions in signature: {own} for {core}"
            )
    return given[: len(inputs)], given[len(inputs) :]


def _kept_cores(inputs: list[Any], outputs: list[Any]) -> list[Any]:
    """The cores of the results, where reduced axes stay."""
    if any(len(core) != len(inputs[0]) for core in inputs) or any(outputs):
        raise ValueError("keepdims is only allowed if all inputs have the same core axes")
    return [inputs[0] if inputs else ()] * len(outputs)


def _of_one_axis(axis: Any, cores: list[Any]) -> list[tuple[int, ...]]:
    """``axis=`` as ``axes=``."""
    if not isinstance(axis, int):
        raise ValueError(f"`axis` argument has to be an integer value, got {axis!r}")
    named = {core for core in cores if core}
    if len(named) != 1 or len(next(iter(named))) != 1:
        raise ValueError("`axis` can be used only, if one core dimension is present")
    return [(axis,) if core else () for core in cores]


def _completed(
    axes: Any, inputs: list[Any], outputs: list[Any], keepdims: bool
) -> list[tuple[int, ...]]:
    """``axes=`` with tuples for ints, and with what may be left out."""
    if not isinstance(axes, list):
        raise ValueError(f"`axes` has to be of type list, got {type(axes).__name__}")
    given = [(own,) if isinstance(own, int) else own for own in axes]
    if any(not isinstance(own, tuple) for own in given):
        raise ValueError(f"`axes` argument has to be a list of ints or tuples, got {axes!r}")
    count = len(inputs)
    if len(given) == count and not any(outputs):
        given = given + [()] * len(outputs)
    if keepdims and not any(given[count:]):
        given = given[:count] + [given[0]] * len(outputs)
    if len(given) != count + len(outputs):
        raise ValueError(
            "The number of `axes` entries is not equal the number of input and output arguments: "
            f"{len(axes)} and {count + len(outputs)}"
        )
    return given


class _Core:
    """A function of blocks, with its options."""

    def __init__(self, func: Callable[..., Any], kwargs: Any) -> None:
        self.func = func
        self.kwargs = kwargs

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *blocks: Any) -> Any:
        return self.func(*blocks, **dict(self.kwargs))

    def __shoal_tokenize__(self) -> Any:
        return "gufunc", self.func, self.kwargs


def _result(answers: Any, which: int) -> Any:
    """One of the results of a block.

    >>> _result(("mean", "spread"), 1)
    'spread'
    """
    return answers[which]


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
    outer = tuple([f"__loop{i}__" for i in range(len(loops))])
    pairs = _indexed(arrays, inputs, outer)
    call: Any = _Core(func, told)
    title = funcname(func)
    known: set[Any] = set().union(*inputs)
    if several:
        # The core axes are whole, so a block of the answers is a block of the loops.
        meta = np.empty((0,) * len(outer), object)
        answers = blockwise(call, outer, *pairs, concatenate=True, token=title, meta=meta)
        call, pairs, known = None, [answers, outer], set()
    for i, core in enumerate(outputs):
        result = blockwise(
            call or partial(_result, which=i),
            (*outer, *core),
            *pairs,
            new_axes=_lengths([d for d in core if d not in known], sizes),
            adjust_chunks={d: sizes[d] for d in core if d in known and d in (output_sizes or {})},
            concatenate=True,
            token=title,
            meta=meta_from_array(kinds[i], len(outer) + len(core)),
        )
        results.append(_placed(result, places[1][i], keepdims))
    return tuple(results) if several else results[0]


def _indexed(arrays: list[Array], inputs: Any, outer: tuple[str, ...]) -> list[Any]:
    """Arrays and the names of their axes, in turns, as `blockwise` takes them."""
    pairs: list[Any] = []
    for a, core in zip(arrays, inputs, strict=True):
        pairs += a, (*outer[len(outer) - a.ndim + len(core) :], *core)
    return pairs


def _lengths(axes: list[str], sizes: dict[str, Any]) -> dict[str, Any]:
    """The lengths of some core axes."""
    missing = [d for d in axes if d not in sizes]
    if missing:
        raise ValueError(f"output_sizes= must tell the length of core axes {missing}")
    return {d: sizes[d] for d in axes}


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
            if len(a.chunks[k]) > 1 and not allow_rechunk:
                raise ValueError(
                    f"Core dimension `'{d}'` consists of multiple chunks. To fix, rechunk "
                    "into a single array chunk along this dimension or set "
                    "`allow_rechunk=True`, "
                    "but beware that this may increase memory usage significantly."
                )
        out.append(_whole_cores(a, range(a.ndim - len(core), a.ndim)))
    _check_loops(shapes)
    longest = max(shapes, key=len, default=())
    return longest, sizes, out


def _whole_cores(a: Array, axes: range) -> Array:
    """An array with one block along some axes, and as much smaller ones along the others."""
    factor = math.prod(sum(a.chunks[k]) / max(1, *a.chunks[k]) for k in axes)
    if all(len(a.chunks[k]) == 1 for k in axes):
        return a
    chunks = list(smaller_blocks(a.chunks, set(axes), factor))
    for k in axes:
        chunks[k] = -1  # type: ignore[call-overload]
    out: Array = a.rechunk(tuple(chunks))
    return out


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
    metas = [a._meta for a in arrays]
    found = infer_meta(func, metas, dict(told))
    if found is None or (several and not isinstance(found, tuple | list)):
        found = infer_meta(func, [np.ones((1,) * a.ndim, a.dtype) for a in arrays], dict(told))
    if found is None:
        remedy = "output_dtypes= or meta=. Please specify the dtype explicitly"
        infer_dtype(func, metas, dict(told), "apply_gufunc", remedy)
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
