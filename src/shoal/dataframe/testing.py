"""Comparing frames in tests: values, and that a frame is what it says it is."""

from __future__ import annotations

from typing import Any

import pandas as pd

from shoal.collection import compute, is_collection

__all__ = ["assert_eq"]


def assert_eq(
    a: Any,
    b: Any,
    *,
    check_names: bool = True,
    check_dtype: bool = True,
    check_divisions: bool = True,
    check_index: bool = True,
    sort_results: bool = True,
    scheduler: str = "sync",
    **kwargs: Any,
) -> bool:
    """Fail unless two frames, series, indexes or scalars are equal and are what they say they are.

    Parameters
    ----------
    a, b
        Of shoal's or pandas'.
    check_names, check_dtype
        Whether names and dtypes count; also whether what a collection has told of them is true.
    check_divisions
        Whether the divisions of a collection have to hold for its partitions.
    check_index
        False leaves the index out.
    sort_results
        Whether the sequence of rows is of no consequence.
    scheduler
        What computes.
    **kwargs
        For `pandas.testing.assert_frame_equal` and its like.

    Returns
    -------
    bool
        True, so that it may stand in an ``assert``.

    Raises
    ------
    AssertionError
        They differ; says where.

    Examples
    --------
    >>> import shoal.dataframe as dd
    >>> pdf = pd.DataFrame({"x": [1, 2, 3]})
    >>> assert_eq(dd.from_pandas(pdf, npartitions=2).x + 1, pdf.x + 1)
    True
    """
    if check_divisions:
        for side in (a, b):
            assert_divisions(side, scheduler=scheduler)
    left, right = (_computed(side, check_names, check_dtype, scheduler) for side in (a, b))
    if not check_index:
        left, right = (_without_index(side) for side in (left, right))
    if sort_results:
        left, right = _sorted(left), _sorted(right)
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(
            left, right, check_names=check_names, check_dtype=check_dtype, **kwargs
        )
    elif isinstance(left, pd.Series):
        pd.testing.assert_series_equal(
            left, right, check_names=check_names, check_dtype=check_dtype, **kwargs
        )
    elif isinstance(left, pd.Index):
        pd.testing.assert_index_equal(left, right, check_names=check_names, **kwargs)
    elif isinstance(left, float) and isinstance(right, float):
        pd.testing.assert_series_equal(pd.Series([left]), pd.Series([right]), **kwargs)
    else:
        equal = left == right or (pd.isna(left) and pd.isna(right))
        _check(equal, f"{left!r} != {right!r}")
    return True


def assert_divisions(frame: Any, *, scheduler: str = "sync") -> None:
    """Fail unless every partition of a collection lies within its divisions.

    Parameters
    ----------
    frame
        Others than collections with known divisions pass.
    scheduler
        What computes.

    Examples
    --------
    >>> import shoal.dataframe as dd
    >>> assert_divisions(dd.from_pandas(pd.Series([1, 2], index=[5, 7]), npartitions=2))
    """
    divisions = getattr(frame, "divisions", None)
    if not is_collection(frame) or not divisions or divisions[0] is None:
        return
    for i, part in enumerate(compute(*frame.to_delayed(), scheduler=scheduler)):
        index = part if isinstance(part, pd.Index) else part.index
        if isinstance(index, pd.MultiIndex):
            index = index.get_level_values(0)
        if not len(index):
            continue
        low, high, last = divisions[i], divisions[i + 1], i == len(divisions) - 2
        inside = index.min() >= low and (index.max() <= high if last else index.max() < high)
        _check(
            inside,
            f"partition {i} holds {index.min()} to {index.max()}; its divisions are "
            f"{low!r} to {high!r}",
        )


def _computed(side: Any, names: bool, dtypes: bool, scheduler: str) -> Any:
    if not is_collection(side):
        return side
    (result,) = compute(side, scheduler=scheduler)
    meta = getattr(side, "_meta", None)
    if isinstance(meta, pd.DataFrame):
        told, found = list(meta.columns), list(result.columns)
        _check(told == found, f"told columns {told}, computed {found}")
        if dtypes:
            pd.testing.assert_series_equal(meta.dtypes, result.dtypes)
    elif isinstance(meta, (pd.Series, pd.Index)):
        same_name, same_dtype = meta.name == result.name, meta.dtype == result.dtype
        _check(same_name or not names, f"told {meta.name!r}, got {result.name!r}")
        _check(same_dtype or not dtypes, f"told {meta.dtype}, got {result.dtype}")
    return result


def _check(holds: bool, text: str) -> None:
    """An assertion that ``python -O`` does not strip."""
    if not holds:
        raise AssertionError(text)


def _without_index(side: Any) -> Any:
    return side.reset_index(drop=True) if isinstance(side, (pd.DataFrame, pd.Series)) else side


def _sorted(side: Any) -> Any:
    """Rows by index, then by values, where these can be compared."""
    try:
        if isinstance(side, pd.DataFrame):
            side = side.sort_values(list(side.columns), kind="stable")
        elif isinstance(side, pd.Series):
            side = side.sort_values(kind="stable")
        elif isinstance(side, pd.Index):
            return side.sort_values()
        else:
            return side
    except (TypeError, ValueError):
        pass
    try:
        return side.sort_index(kind="stable")
    except TypeError:
        return side
