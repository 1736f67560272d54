"""Ufuncs with several results, outer products, functions of Python, and of whole axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.testing import assert_eq

X = np.linspace(-3, 3, 14).reshape(2, 7)


def lazy() -> Any:
    return da.from_array(X, chunks=(1, 3))


@pytest.mark.parametrize("name", da.ufunc.ELEMENTWISE.split())
def test_elementwise(name: str) -> None:
    if name in ("clip", "real_if_close"):
        return
    assert_eq(getattr(da.ufunc, name)(lazy()), getattr(np, name)(X))


def test_clip() -> None:
    assert_eq(lazy().clip(-1, 2), X.clip(-1, 2))
    assert_eq(np.clip(lazy(), 0, None), X.clip(0, None))
    assert da.clip(5, 0, 1) == 1


def test_several_results() -> None:
    for name, args in (("modf", ()), ("frexp", ()), ("divmod", (2,))):
        for one, other in zip(
            getattr(da, name)(lazy(), *args), getattr(np, name)(X, *args), strict=True
        ):
            assert_eq(one, other)
    assert_eq(divmod(lazy(), 2)[1], X % 2)


def test_outer() -> None:
    x = np.arange(3)
    assert_eq(da.add.outer(da.from_array(x, chunks=2), lazy()), np.add.outer(x, X))
    with pytest.raises(ValueError, match="binary"):
        da.sin.outer(lazy(), lazy())


def test_frompyfunc() -> None:
    func = da.frompyfunc(lambda x: x + 1, 1, 1)
    assert_eq(func(lazy()), (X + 1).astype(object))
    with pytest.raises(NotImplementedError, match="more than one"):
        da.frompyfunc(divmod, 2, 2)


def test_gufunc() -> None:
    def stats(x: Any) -> tuple[Any, Any]:
        return np.mean(x, axis=-1), np.std(x, axis=-1)

    x = da.from_array(X, chunks=(1, 7))
    mean, std = da.apply_gufunc(stats, "(i)->(),()", x)
    assert_eq(mean, X.mean(1))
    assert_eq(std, X.std(1))
    y = da.apply_gufunc(np.matmul, "(i,j),(j,k)->(i,k)", x[None], x.T, allow_rechunk=True)
    assert_eq(y, (X @ X.T)[None])
    z = da.apply_gufunc(lambda v: v[::-1].sum(), "(i)->()", x, vectorize=True, output_dtypes=float)
    assert_eq(z, X.sum(1))
    assert_eq(
        da.apply_gufunc(lambda v: v.sum(-1), "(i)->()", x, axis=0, allow_rechunk=True), X.sum(0)
    )
    kept = da.apply_gufunc(lambda v: v.sum(-1), "(i)->()", x, keepdims=True)
    assert_eq(kept, X.sum(1, keepdims=True))


@pytest.mark.parametrize(
    ("signature", "args", "words"),
    [
        ("(i)->", (1, 2), "arguments"),
        ("i->", (1,), "Not a valid"),
        ("(i)->()", (da.ones(4, chunks=2),), "multiple chunks"),
        ("(i),(i)->()", (da.ones(4), da.ones(3)), "different lengths"),
    ],
)
def test_gufunc_errors(signature: str, args: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        da.apply_gufunc(np.sum, signature, *args)


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "fmin", "logical_or", "hypot"])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_reduce_and_accumulate(name: str, axis: Any) -> None:
    x = np.arange(1.0, 25).reshape(4, 6) % 5
    d = da.from_array(x, chunks=(3, 4))
    ours, theirs = getattr(da, name), getattr(np, name)
    assert_eq(ours.reduce(d, axis=axis), theirs.reduce(x, axis=axis))
    assert_eq(
        theirs.reduce(d, axis=axis, keepdims=True), theirs.reduce(x, axis=axis, keepdims=True)
    )
    if axis is not None:
        assert_eq(theirs.accumulate(d, axis=axis), theirs.accumulate(x, axis=axis))


def test_methods_of_ufuncs_that_are_refused() -> None:
    x = da.ones(4, chunks=2)
    for call in (lambda: da.subtract.reduce(x), lambda: np.divide.accumulate(x)):
        with pytest.raises(TypeError, match=r"order.*map_blocks"):
            call()
    with pytest.raises(TypeError, match=r"in place.*bincount"):
        np.add.at(x, [0], 1)


@pytest.mark.parametrize("code", "?bBhHiIlLefdFD")
@pytest.mark.parametrize("exponent", [2, 0.5, -1, 1, 3, 0, 2.0])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_powers_have_numpys_dtype(code: str, exponent: float) -> None:
    x = np.array([1, 0, 1]).astype(code)
    try:
        wanted = x**exponent
    except (ValueError, OverflowError) as error:  # integers to negative powers
        with pytest.raises(type(error), match=str(error)):
            (da.from_array(x, chunks=2) ** exponent).compute()
    else:
        assert_eq(da.from_array(x, chunks=2) ** exponent, wanted)


def test_a_function_of_several_results_is_called_once_a_block() -> None:
    calls = []

    def func(x: Any) -> Any:
        calls.append(x.shape)
        return x.mean(-1), x.max(-1), x[..., :2]

    x = np.arange(24.0).reshape(8, 3)
    results = da.apply_gufunc(
        func,
        "(i)->(),(),(k)",
        da.from_array(x, chunks=(2, 3)),
        output_sizes={"k": 2},
        output_dtypes=(float, float, float),
    )
    mean, largest, first = shoal.compute(*results)
    assert calls == [(2, 3)] * 4
    assert mean.tolist() == x.mean(-1).tolist()
    assert largest.tolist() == x.max(-1).tolist()
    assert first.tolist() == x[:, :2].tolist()
