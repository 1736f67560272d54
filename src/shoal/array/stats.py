"""Statistical tests and moments, as `scipy.stats` has them, by blocks.

What goes through the data is reductions of shoal's; what is left is a few numbers, from which
SciPy's distributions tell the p-value once they are known.  So the results of tests are `Delayed`:
a named tuple of a statistic and a p-value.

The formulas are those that SciPy's documentation names: D'Agostino 1971 and D'Agostino and Pearson
1973 (skewness), Anscombe and Glynn 1983 (kurtosis), Cressie and Read 1984 (power divergence),
Welch 1947.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.reductions import mean, var
from shoal.array.reductions import moment as moment_of
from shoal.array.reductions import sum as sum_of
from shoal.array.routines import where
from shoal.delayed import Delayed, delayed
from shoal.optional import import_required

__all__ = [
    "Outcome",
    "chisquare",
    "f_oneway",
    "kurtosis",
    "kurtosistest",
    "moment",
    "normaltest",
    "power_divergence",
    "skew",
    "skewtest",
    "ttest_1samp",
    "ttest_ind",
    "ttest_rel",
]


class Outcome(NamedTuple):
    """What a test gives.

    Examples
    --------
    >>> Outcome(0.0, 1.0)
    Outcome(statistic=0.0, pvalue=1.0)
    """

    statistic: Any
    """How far the data are from what is assumed."""
    pvalue: Any
    """How likely a statistic as extreme is, if what is assumed holds."""


def _result(law: str, statistic: Any, *args: Any) -> Delayed[Outcome]:
    """A statistic with its p-value; ``law`` says how it is distributed."""
    made: Delayed[Outcome] = delayed(_with_pvalue)(law, statistic, *args)
    return made


def _with_pvalue(law: str, statistic: Any, *args: Any) -> Outcome:
    """The statistic and its p-value.

    >>> _with_pvalue("normal", np.float64(0.0))
    Outcome(statistic=np.float64(0.0), pvalue=np.float64(1.0))
    """
    laws = import_required("scipy.stats", "shoal.array.stats", "scipy")
    if law == "normal":
        pvalue = 2 * laws.norm.sf(abs(statistic))
    elif law == "t":
        pvalue = 2 * laws.t.sf(abs(statistic), *args)
    else:
        pvalue = getattr(laws, law).sf(statistic, *args)
    return Outcome(statistic, pvalue)


def _only_propagate(name: str, nan_policy: str) -> None:
    if nan_policy != "propagate":
        raise NotImplementedError(
            f"nan_policy of {name} must be 'propagate', got {nan_policy!r}; take nan out first"
        )


def _along(a: Any, axis: int | None, name: str) -> tuple[Array, int, int]:
    """An array, the axis, and how many elements there are along it, which has to be known."""
    a = asanyarray(a)
    if axis is None:
        a, axis = a.ravel(), 0
    count = a.shape[axis]
    if count != count:
        raise ValueError(
            f"{name} needs the length of axis {axis} of an array of shape {a.shape}; call "
            "compute_chunk_sizes() first"
        )
    return a, axis, count


def moment(a: Any, moment: int = 1, axis: int | None = 0, nan_policy: str = "propagate") -> Array:
    """A central moment; see `scipy.stats.moment`.

    Parameters
    ----------
    a
        An array.
    moment
        Which: an int from 0.
    axis
        Along which; None for all elements.
    nan_policy
        "propagate".

    Examples
    --------
    >>> import shoal.array as da
    >>> moment(da.arange(4, chunks=2), 2).compute()
    np.float64(1.25)
    """
    _only_propagate("moment", nan_policy)
    return moment_of(asanyarray(a), moment, axis=axis)


def _refuse_unbiased(name: str, bias: bool) -> None:
    if not bias:
        raise NotImplementedError(
            f"{name} with bias=False is not supported; correct the result by the count"
        )


def skew(a: Any, axis: int | None = 0, bias: bool = True, nan_policy: str = "propagate") -> Array:
    """The third standardised moment; see `scipy.stats.skew`.

    Parameters
    ----------
    a
        An array.
    axis
        Along which; None for all elements.
    bias
        True.
    nan_policy
        "propagate".

    Raises
    ------
    NotImplementedError
        Other options are asked for.

    Examples
    --------
    >>> import shoal.array as da
    >>> skew(da.asarray([1.0, 2, 6], chunks=2)).compute().round(6)
    np.float64(0.59517)
    """
    _only_propagate("skew", nan_policy)
    _refuse_unbiased("skew", bias)
    return _standardised(asanyarray(a), axis, 3)


def _standardised(a: Array, axis: int | None, order: int) -> Array:
    """A moment in units of the deviation; nan where all elements are as good as equal."""
    spread = moment_of(a, 2, axis=axis)
    own = moment_of(a, order, axis=axis)
    nearly_zero = spread <= (np.finfo(spread.dtype).resolution * mean(a, axis=axis)) ** 2
    out = own / where(nearly_zero, np.nan, spread) ** (order / 2)
    return out  # type: ignore[no-any-return]


def kurtosis(
    a: Any,
    axis: int | None = 0,
    fisher: bool = True,
    bias: bool = True,
    nan_policy: str = "propagate",
) -> Array:
    """The fourth standardised moment; see `scipy.stats.kurtosis`.

    Parameters
    ----------
    a, axis, bias, nan_policy
        As for `skew`.
    fisher
        Whether to take off 3, that of a normal distribution.

    Examples
    --------
    >>> import shoal.array as da
    >>> kurtosis(da.asarray([1.0, 2, 3], chunks=2)).compute()
    np.float64(-1.5)
    """
    _only_propagate("kurtosis", nan_policy)
    _refuse_unbiased("kurtosis", bias)
    found = _standardised(asanyarray(a), axis, 4)
    return found - 3 if fisher else found


def skewtest(a: Any, axis: int | None = 0, nan_policy: str = "propagate") -> Delayed[Outcome]:
    """Whether the skewness is that of a normal distribution; see `scipy.stats.skewtest`.

    Parameters
    ----------
    a
        An array with eight elements or more along the axis.
    axis
        Along which; None for all elements.
    nan_policy
        "propagate".

    Raises
    ------
    ValueError
        There are too few elements.

    Examples
    --------
    >>> import shoal.array as da
    >>> bool(skewtest(da.arange(10, chunks=4) ** 4).compute().pvalue < 0.1)
    True
    """
    _only_propagate("skewtest", nan_policy)
    return _result("normal", _skew_score(*_along(a, axis, "skewtest")))


def _skew_score(a: Array, axis: int, n: int) -> Any:
    if n < 8:
        raise ValueError(f"skewtest is not valid with less than 8 samples; {n} samples were given.")
    y = skew(a, axis) * np.sqrt((n + 1) * (n + 3) / (6.0 * (n - 2)))
    top = 3.0 * (n**2 + 27 * n - 70) * (n + 1) * (n + 3)
    beta = top / ((n - 2.0) * (n + 5) * (n + 7) * (n + 9))
    w2 = np.sqrt(2 * (beta - 1)) - 1
    delta = 1 / np.sqrt(0.5 * np.log(w2))
    y = where(y == 0, 1, y)
    ratio = y / np.sqrt(2.0 / (w2 - 1))
    return delta * np.log(ratio + np.sqrt(ratio**2 + 1))


def kurtosistest(a: Any, axis: int | None = 0, nan_policy: str = "propagate") -> Delayed[Outcome]:
    """Whether the kurtosis is that of a normal distribution; see `scipy.stats.kurtosistest`.

    Parameters
    ----------
    a, axis, nan_policy
        As for `skewtest`; five elements or more.

    Examples
    --------
    >>> import shoal.array as da
    >>> bool(kurtosistest(da.arange(30, chunks=8)).compute().pvalue < 0.05)
    True
    """
    _only_propagate("kurtosistest", nan_policy)
    return _result("normal", _kurtosis_score(*_along(a, axis, "kurtosistest")))


def _kurtosis_score(a: Array, axis: int, n: int) -> Any:
    if n < 5:
        raise ValueError(
            f"kurtosistest requires at least 5 observations; {n} observations were given."
        )
    expected = 3.0 * (n - 1) / (n + 1)
    spread = 24.0 * n * (n - 2) * (n - 3) / ((n + 1) * (n + 1.0) * (n + 3) * (n + 5))
    x = (kurtosis(a, axis, fisher=False) - expected) / np.sqrt(spread)
    root = 6.0 * (n**2 - 5 * n + 2) / ((n + 7) * (n + 9))
    root *= np.sqrt((6.0 * (n + 3) * (n + 5)) / (n * (n - 2) * (n - 3)))
    df = 6.0 + 8.0 / root * (2.0 / root + np.sqrt(1 + 4.0 / root**2))
    part = 1 - 2 / (9.0 * df)
    below = 1 + x * np.sqrt(2 / (df - 4.0))
    power = np.sign(below) * ((1 - 2.0 / df) / abs(where(below == 0, np.nan, below))) ** (1 / 3.0)
    return (part - power) / np.sqrt(2 / (9.0 * df))


def normaltest(a: Any, axis: int | None = 0, nan_policy: str = "propagate") -> Delayed[Outcome]:
    """Whether skewness and kurtosis are those of a normal distribution; see
    `scipy.stats.normaltest`.

    Parameters
    ----------
    a, axis, nan_policy
        As for `skewtest`.

    Examples
    --------
    >>> import shoal.array as da
    >>> bool(normaltest(da.arange(30, chunks=8)).compute().pvalue < 0.05)
    True
    """
    _only_propagate("normaltest", nan_policy)
    told = _along(a, axis, "normaltest")
    return _result("chi2", _skew_score(*told) ** 2 + _kurtosis_score(*told) ** 2, 2)


POWERS: dict[str, float] = {
    "pearson": 1,
    "log-likelihood": 0,
    "freeman-tukey": -0.5,
    "mod-log-likelihood": -1,
    "neyman": -2,
    "cressie-read": 2 / 3,
}
"""Names of statistics of the power divergence."""


def power_divergence(
    f_obs: Any, f_exp: Any = None, ddof: int = 0, axis: int | None = 0, lambda_: Any = None
) -> Delayed[Outcome]:
    """Whether frequencies are those that are expected; see `scipy.stats.power_divergence`.

    Parameters
    ----------
    f_obs
        Frequencies.
    f_exp
        Those that are expected; all equal by default.
    ddof
        What to take off the degrees of freedom.
    axis
        Along which; None for all elements.
    lambda_
        The power, or a name of `POWERS`; 1, Pearson's, by default.

    Raises
    ------
    ValueError
        The name is not known.

    Examples
    --------
    >>> import shoal.array as da
    >>> power_divergence(da.asarray([16, 18, 16, 14], chunks=2)).compute().statistic
    np.float64(0.5)
    """
    if isinstance(lambda_, str):
        if lambda_ not in POWERS:
            raise ValueError(
                f"invalid string for lambda_: {lambda_!r}. Valid strings are {', '.join(POWERS)}"
            )
        lambda_ = POWERS[lambda_]
    power = 1 if lambda_ is None else lambda_
    f_obs, axis, count = _along(f_obs, axis, "power_divergence")
    f_exp = mean(f_obs, axis=axis, keepdims=True) if f_exp is None else asanyarray(f_exp)
    terms = _divergence(f_obs.astype(float), f_exp, power)
    return _result("chi2", sum_of(terms, axis=axis), count - 1 - ddof)


def _divergence(seen: Any, expected: Any, power: float) -> Any:
    if power == 1:
        return (seen - expected) ** 2 / expected
    if power == 0:
        return 2.0 * where(seen == 0, 0, seen * np.log(seen / expected))
    if power == -1:
        return 2.0 * expected * np.log(expected / seen)
    return seen * ((seen / expected) ** power - 1) / (0.5 * power * (power + 1))


def chisquare(
    f_obs: Any, f_exp: Any = None, ddof: int = 0, axis: int | None = 0
) -> Delayed[Outcome]:
    """Pearson's test of frequencies; see `scipy.stats.chisquare`.

    Parameters
    ----------
    f_obs, f_exp, ddof, axis
        As for `power_divergence`.

    Examples
    --------
    >>> import shoal.array as da
    >>> chisquare(da.asarray([16, 18, 16, 14], chunks=2)).compute().statistic
    np.float64(0.5)
    """
    return power_divergence(f_obs, f_exp, ddof, axis, "pearson")


def ttest_1samp(
    a: Any, popmean: Any, axis: int | None = 0, nan_policy: str = "propagate"
) -> Delayed[Outcome]:
    """Whether a mean is what is expected; see `scipy.stats.ttest_1samp`.

    Parameters
    ----------
    a
        An array.
    popmean
        What is expected.
    axis
        Along which; None for all elements.
    nan_policy
        "propagate".

    Examples
    --------
    >>> import shoal.array as da
    >>> ttest_1samp(da.arange(5, chunks=2), 2).compute().pvalue
    np.float64(1.0)
    """
    _only_propagate("ttest_1samp", nan_policy)
    a, axis, n = _along(a, axis, "ttest_1samp")
    t = (mean(a, axis=axis) - popmean) / np.sqrt(var(a, axis=axis, ddof=1) / n)
    return _result("t", t, n - 1)


def ttest_rel(
    a: Any, b: Any, axis: int | None = 0, nan_policy: str = "propagate"
) -> Delayed[Outcome]:
    """Whether the means of pairs are equal; see `scipy.stats.ttest_rel`.

    Parameters
    ----------
    a, b
        Arrays of one shape.
    axis
        Along which; None for all elements.
    nan_policy
        "propagate".

    Raises
    ------
    ValueError
        The shapes differ.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.asarray([1.0, 2, 3], chunks=2)
    >>> ttest_rel(x, x + [1, 0, 2]).compute().statistic.round(6)
    np.float64(-1.732051)
    """
    _only_propagate("ttest_rel", nan_policy)
    a, along, n = _along(a, axis, "ttest_rel")
    b, _, _ = _along(b, axis, "ttest_rel")
    if a.shape != b.shape:
        raise ValueError(f"unequal length arrays: {a.shape} and {b.shape}")
    difference = a - b
    spread = np.sqrt(var(difference, axis=along, ddof=1) / n)
    return _result("t", mean(difference, axis=along) / spread, n - 1)


def ttest_ind(a: Any, b: Any, axis: int | None = 0, equal_var: bool = True) -> Delayed[Outcome]:
    """Whether two means are equal; see `scipy.stats.ttest_ind`.

    Parameters
    ----------
    a, b
        Arrays.
    axis
        Along which; None for all elements.
    equal_var
        False for Welch's test, of samples whose variances differ.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(5, chunks=2)
    >>> ttest_ind(x, x).compute().pvalue
    np.float64(1.0)
    """
    a, along, n1 = _along(a, axis, "ttest_ind")
    b, _, n2 = _along(b, axis, "ttest_ind")
    v1, v2 = var(a, axis=along, ddof=1), var(b, axis=along, ddof=1)
    df: Any
    if equal_var:
        df = n1 + n2 - 2
        spread = ((n1 - 1) * v1 + (n2 - 1) * v2) / df * (1.0 / n1 + 1.0 / n2)
    else:
        e1, e2 = v1 / n1, v2 / n2
        spread = e1 + e2
        df = spread**2 / (e1**2 / (n1 - 1) + e2**2 / (n2 - 1))
        df = where(np.isnan(df), 1, df)
    return _result("t", (mean(a, axis=along) - mean(b, axis=along)) / np.sqrt(spread), df)


def f_oneway(*args: Any) -> Delayed[Outcome]:
    """Whether the means of several samples are equal; see `scipy.stats.f_oneway`.

    Parameters
    ----------
    *args
        Arrays, two or more.

    Raises
    ------
    TypeError
        There are fewer.

    Examples
    --------
    >>> import shoal.array as da
    >>> f_oneway(da.asarray([1.0, 2, 3]), da.asarray([2.0, 3, 4])).compute().statistic
    np.float64(1.5)
    """
    if len(args) < 2:
        raise TypeError(f"at least two inputs are required; got {len(args)}")
    samples = [_along(a, None, "f_oneway") for a in args]
    total = sum(n for _, _, n in samples)
    # Taken off first, so that large numbers do not cancel: it changes nothing else.
    offset = sum(sum_of(a) for a, _, _ in samples) / total
    centred = [a - offset for a, _, _ in samples]
    whole = sum(sum_of(a * a) for a in centred)
    between = sum(sum_of(a) ** 2 / n for a, (_, _, n) in zip(centred, samples, strict=True))
    groups, rest = len(args) - 1, total - len(args)
    return _result("f", (between / groups) / ((whole - between) / rest), groups, rest)
