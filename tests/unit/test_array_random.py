"""Random numbers: the same whatever computes them, parameters that are arrays, NumPy's errors."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import shoal.array as da
from shoal.array.random.distributions import NEW, OLD
from shoal.array.testing import assert_eq

ARGS: dict[str, tuple[Any, ...]] = {
    "beta": (1, 2),
    "binomial": (10, 0.5),
    "chisquare": (1,),
    "dirichlet": ([1, 2, 3],),
    "f": (1, 2),
    "gamma": (5, 1),
    "geometric": (1,),
    "hypergeometric": (1, 2, 3),
    "integers": (5,),
    "logseries": (0.5,),
    "multinomial": (20, [0.25] * 4),
    "multivariate_hypergeometric": ([16, 8, 4], 6),
    "multivariate_normal": ([0, 1], np.eye(2)),
    "negative_binomial": (5, 0.5),
    "noncentral_chisquare": (2, 2),
    "noncentral_f": (2, 2, 3),
    "pareto": (1,),
    "power": (1,),
    "randint": (10,),
    "standard_gamma": (2,),
    "standard_t": (2,),
    "triangular": (1, 2, 3),
    "vonmises": (2, 3),
    "wald": (1, 2),
    "weibull": (2,),
    "zipf": (2,),
}
KINDS = [(da.random.default_rng, NEW), (da.random.RandomState, OLD)]
CASES = [(make, name) for make, table in KINDS for name in table if name != "random_integers"]


@pytest.mark.parametrize(("make", "name"), CASES)
def test_every_distribution(make: Any, name: str) -> None:
    args = ARGS.get(name, ())
    for size in (None, 5, (2, 3)):
        x = getattr(make(5), name)(*args, size=size, chunks=2)
        assert_eq(x, x)
        assert x.name == getattr(make(5), name)(*args, size=size, chunks=2).name
    plain = np.random.default_rng if make is da.random.default_rng else np.random.RandomState
    assert x.shape == np.shape(getattr(plain(5), name)(*args, size=(2, 3)))
    assert name in getattr(make(5), name).__doc__


@pytest.mark.parametrize("make", [da.random.default_rng, da.random.RandomState])
def test_the_same_whatever_computes(make: Any) -> None:
    x = make(5).normal(10, 1, size=10, chunks=3)
    expected = x.compute(scheduler="sync")
    for scheduler in ("threads", "processes"):
        assert_eq(make(5).normal(10, 1, size=10, chunks=3).compute(scheduler=scheduler), expected)
    assert_eq(pickle.loads(pickle.dumps(x)), expected)
    longer = make(5).normal(10, 1, size=30, chunks=3)
    assert_eq(longer[:9], expected[:9])
    state = make(5)
    first, second = state.random(4), state.random(4)
    assert (first != second).any()
    assert len(np.unique(make(6).random(1000, chunks=10).compute())) == 1000


@pytest.mark.parametrize("make", [da.random.default_rng, da.random.RandomState])
def test_parameters_that_are_arrays(make: Any) -> None:
    ones = da.ones((2, 3, 4), chunks=3)
    assert make(1).poisson(np.arange(6).reshape(2, 3), chunks=2).compute().shape == (2, 3)
    out = make(1).normal(1000 * ones, 0.01, chunks=2)
    assert_eq(out, out)
    assert abs(out - 1000).max().compute() < 1
    shape = (2, 2, 3, 4)
    assert (
        make(1).normal(np.ones((1, 4)), scale=ones, size=shape, chunks=2).compute().shape == shape
    )
    with pytest.raises(ValueError, match=r"not compatible|mismatch"):
        make(1).normal(np.arange(6).reshape(2, 3), np.ones((3, 1)), size=(2, 3, 4), chunks=3)
    with pytest.raises(ValueError, match="not compatible"):
        make(1).normal(np.ones((3, 1)), size=(2, 2), chunks=3)


def test_the_size_is_as_large_as_the_parameters() -> None:
    rng = da.random.RandomState(0)
    assert rng.poisson(np.arange(10.0), size=1, chunks=4).chunks == ((4, 4, 2),)
    assert rng.normal(np.arange(3.0), np.ones((4, 1)), size=1).compute().shape == (4, 3)
    with pytest.raises(ValueError, match=r"size \(2,\) is not compatible .* normal"):
        rng.normal(np.arange(3.0), size=2)


@pytest.mark.parametrize("make", [da.random.default_rng, da.random.RandomState])
def test_choice(make: Any) -> None:
    a, p = np.array([1.0, 3, 5, 7, 9]), np.array([0, 0.2, 0.2, 0.3, 0.3])
    d, q = da.from_array(a, chunks=2), da.from_array(p, chunks=2)
    for population, weights in [(a, p), (d, p), (a, q), (d, q)]:
        x = make(1).choice(population, size=(10, 3), chunks=4, p=weights)
        assert_eq(x, x)
        assert set(np.unique(x.compute())) <= set(a[1:])
    assert make(1).choice(3, size=(10, 3), chunks=4).dtype == np.int64
    assert len(np.unique(make(1).choice(d, size=5, chunks=-1, replace=False).compute())) == 5
    wrong = [(-1, None), (a[:, None], None), (a, p[:, None]), (a, p[:-2]), (4, [0.2, 0.2, 0.3, 0])]
    for population, weights in wrong:
        with pytest.raises(ValueError, match=r"a |p |prob"):
            make(1).choice(population, size=5, p=weights)
    with pytest.raises(NotImplementedError, match="several blocks"):
        make(1).choice(d, size=4, chunks=2, replace=False)


@pytest.mark.parametrize("make", [da.random.default_rng, da.random.RandomState])
def test_permutation(make: Any) -> None:
    x = da.arange(12, chunks=3)
    one, other = make(0), make(0)
    first, second = one.permutation(x), one.permutation(x)
    assert_eq(first, other.permutation(x))
    assert (first != second).any()
    assert sorted(first.compute()) == list(range(12))
    assert make(0).permutation(100).shape == (100,)


def test_functions_of_the_module() -> None:
    da.random.seed(123)
    first, second = da.random.normal(size=10, chunks=5), da.random.normal(size=10, chunks=5)
    da.random.seed(123)
    assert_eq(da.random.normal(size=10, chunks=5), first)
    assert_eq(da.random.normal(size=10, chunks=5), second)
    with pytest.raises(AttributeError, match="no attribute"):
        da.random.nothing


def test_seeds() -> None:
    for seed in (None, 42, [1, 2], np.random.PCG64, np.random.PCG64(3), np.random.default_rng(3)):
        assert isinstance(da.random.default_rng(seed), da.random.Generator)
    rng = da.random.default_rng(3)
    assert da.random.default_rng(rng) is rng
    a, b = rng.spawn(2)
    assert (a.random(4) != b.random(4)).all()
    with pytest.raises(TypeError, match="bit generator"):
        da.random.Generator(5)
    with pytest.raises(TypeError, match="dtype"):
        rng.standard_cauchy(size=(10,), dtype="float64")
