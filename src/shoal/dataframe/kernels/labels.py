"""Labels of two frames: whether they are the same ones, and rows paired where labels repeat.

pandas pairs rows by their place where two indexes are equal, and by their labels where they are
not; then rows whose label occurs several times on both sides are paired each with each, or refused.
Whether indexes are equal is a question about all partitions: two that are equal do not answer it.
So each side is told in one number, whatever its partitions are, and the two are compared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.hashing import hash_arrays
from shoal.dataframe.kernels.levels import levels_of
from shoal.errors import ShoalError

__all__ = ["LabelPrint", "RepeatedLabelsError", "beside", "matched"]

Print: TypeAlias = "tuple[int, int]"
"""How many labels, and a number for them in their order."""

STEP = 0x9E3779B97F4A7C15 | 1
"""An odd number: by it the number of what comes before is multiplied, for each label."""

WORD = 1 << 64


class RepeatedLabelsError(
    ShoalError,
    pd.errors.DuplicateLabelError,  # type: ignore[misc] # pandas tells no types
    pd.errors.InvalidIndexError,  # type: ignore[misc]
    pd.errors.IndexingError,  # type: ignore[misc]
    IndexError,
):
    """Rows of two frames cannot be matched, for a label occurs several times.

    It is of every class that pandas raises then.

    Examples
    --------
    >>> issubclass(RepeatedLabelsError, ValueError)
    True
    """


@dataclasses.dataclass(frozen=True)
class LabelPrint:
    """All labels of an index in their order as one number of 64 bits, however it is cut.

    The number of ``a`` followed by ``b`` is that of ``a`` times a power of `STEP`, plus that of
    ``b``: Karp and Rabin (1987).

    Parameters
    ----------
    dtypes
        As which each level is hashed, so that equal labels of other dtypes have equal numbers.

    Examples
    --------
    >>> labels = LabelPrint((None,))
    >>> whole, a, b = (labels.partial(pd.Index(some)) for some in ([1, 2, 3], [1], [2, 3]))
    >>> labels.combine([a, b]) == whole, labels.combine([b, a]) == whole
    (True, False)
    """

    dtypes: tuple[Any, ...]
    title = "labels"
    columns = None

    def partial(self, index: Any) -> Print:
        """The number of one partition's labels.

        Parameters
        ----------
        index
            The labels.
        """
        levels = levels_of(index)
        arrays = [
            (level if dtype is None else level.astype(dtype)).array
            for level, dtype in zip(levels, self.dtypes, strict=True)
        ]
        hashed = hash_arrays(arrays).astype(np.uint64, copy=False)
        powers = np.full(len(hashed), STEP, dtype=np.uint64)
        powers[:1] = 1
        np.multiply.accumulate(powers, out=powers)
        return len(hashed), int((hashed * powers[::-1]).sum(dtype=np.uint64))

    def combine(self, prints: Sequence[Print]) -> Print:
        """The number of labels one after the other.

        Parameters
        ----------
        prints
            At least one.
        """
        count, number = prints[0]
        for more, other in prints[1:]:
            count, number = count + more, (number * pow(STEP, more, WORD) + other) % WORD
        return count, number

    def final(self, prints: Sequence[Print]) -> Print:
        """The same.

        Parameters
        ----------
        prints
            At least one.
        """
        return self.combine(prints)


def matched(item: Any, other: Any, same: Any, how: str, what: str) -> Any:
    """A partition as it meets the partition of another frame that has the same labels, or more.

    Where pandas sees what to do by the two partitions, they stay as they are.  Where their indexes
    are equal, but those of the whole frames are not, it would take them for equal.

    Parameters
    ----------
    item, other
        Partitions; both have all rows of their frames with these labels.
    same
        Whether the indexes of the whole frames are equal.
    how
        "left" or "right": each row meets all rows of its label, and ``item`` is on that side;
        "lost": so it would be, but nobody knows any more whether the indexes are equal;
        "once": no label of ``item`` may repeat; "alike": the indexes of the whole frames must be
        equal.
    what
        The operation, for messages.

    Raises
    ------
    RepeatedLabelsError
        A label repeats, and ``how`` is "once", or "lost" and it does on both sides.
    ValueError
        The indexes are not equal, and ``how`` is "alike".

    Examples
    --------
    >>> x = pd.Series([1, 2], [0, 0])
    >>> (
    ...     matched(x, x, False, "left", "add").tolist(),
    ...     matched(x, x, False, "right", "add").tolist(),
    ... )
    ([1, 1, 2, 2], [1, 2, 1, 2])
    """
    if same:
        return item
    if how == "alike":
        kind = "Series" if item.ndim == 1 else "(both index and columns) DataFrame"
        raise ValueError(
            f"Can only compare identically-labeled {kind} objects: {what} got frames whose indexes "
            "differ; use a method such as lt or eq, which matches labels, or align() them"
        )
    labels = item.index
    if how in ("once", "lost"):
        _check_labels(labels, other.index, how, what)
    elif labels.equals(other.index) and not labels.is_unique:
        return item.iloc[_each_with_each(labels, how)]
    return item


def beside(options: Any, *parts: Any) -> pd.DataFrame:
    """Partitions as columns beside each other, row by row of equal labels.

    Parameters
    ----------
    options
        Of `pandas.concat`, pairs.
    *parts
        Partitions that have all rows of their labels.

    Examples
    --------
    >>> beside((), pd.Series([1], name="x"), pd.Series([2], name="y")).values.tolist()
    [[1, 2]]
    """
    return pd.concat(parts, axis=1, **dict(options))


def _check_labels(labels: Any, others: Any, how: str, what: str) -> None:
    """Refuse labels that repeat: those of one side, or those that do on both."""
    repeated = labels[labels.duplicated()]
    if how == "lost":
        repeated = repeated[repeated.isin(others[others.duplicated()])]
    if not len(repeated):
        return
    if how == "lost":
        raise RepeatedLabelsError(
            f"{what}: label {repeated.tolist()[0]!r} occurs several times on both sides, one of "
            "which has been shuffled, so that it is not known which row belongs to which; "
            "set_index() both sides, give them unique labels, or merge() them on a key"
        )
    raise RepeatedLabelsError(
        f"{what}: cannot reindex on an axis with duplicate labels: {repeated.tolist()[0]!r} occurs "
        "several times, and the indexes of both sides are not equal, so that it is not known which "
        "row belongs to which; give both sides unique labels, or merge() them on a key"
    )


def _each_with_each(labels: Any, how: str) -> Any:
    """Positions of the rows of one side, where each row meets all rows of its label."""
    codes = labels.factorize(use_na_sentinel=False)[0]
    counts = np.bincount(codes)
    by_label = np.argsort(codes, kind="stable")
    try:
        rows = labels.argsort(kind="stable") if labels.nlevels == 1 else np.arange(len(labels))
    except TypeError:
        rows = np.arange(len(labels))
    left = np.repeat(rows, counts[codes[rows]])
    if how == "left":
        return left
    ends = np.cumsum(counts[codes[rows]])
    within = np.arange(len(left)) - np.repeat(ends - counts[codes[rows]], counts[codes[rows]])
    starts = np.cumsum(counts) - counts
    return by_label[starts[codes[left]] + within]
