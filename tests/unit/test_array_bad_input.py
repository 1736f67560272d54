"""What cannot be is an error of NumPy's own class, with both shapes and the next step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import shoal.array as da

X = da.ones((4, 6), chunks=(2, 3))
V = da.arange(6, chunks=2)
UNKNOWN = V[V > 2]
OBJECTS = da.from_array(np.array([{}, []], dtype=object), chunks=1)

CASES: dict[str, list[tuple[Callable[[], Any], type[Exception], str]]] = {
    "shapes": [
        (lambda: X + da.ones((3, 6)), ValueError, r"broadcast.*\(4, 6\).*\(3, 6\)"),
        (lambda: X @ X, ValueError, r"mismatch.*\(4, 6\) and \(4, 6\)"),
        (lambda: da.tensordot(X, X, 1), ValueError, r"mismatch.*\(4, 6\).*\(4, 6\)"),
        (lambda: da.concatenate([X, V[None, :4]]), ValueError, r"exactly.*\(4, 6\), \(1, 4\)"),
        (lambda: da.stack([X, X[:3]]), ValueError, r"same shape.*\(4, 6\).*\(3, 6\)"),
        (lambda: X.reshape(5, 5), ValueError, r"\(4, 6\).*\(5, 5\)|24.*25"),
        (lambda: da.broadcast_to(X, (3, 6)), ValueError, r"\(4, 6\).*\(3, 6\)"),
        (lambda: da.store(X, np.zeros((3, 6))), ValueError, r"\(4, 6\).*\(3, 6\).*regions"),
        (lambda: X.__setitem__(0, np.ones(5)), ValueError, r"\(5,\).*\(6,\).*\(4, 6\)"),
        (lambda: da.interp(V, [1, 2], [3]), ValueError, r"\(2,\) and \(1,\)"),
        (lambda: da.cross(V, V), ValueError, r"3-dimensional.*\(6,\) and \(6,\)"),
        (lambda: da.take_along_axis(X, V, 0), ValueError, r"\(6,\) and \(4, 6\)"),
        (lambda: da.ma.masked_array(X, [True] * 5), np.ma.MaskError, r"\(4, 6\).*\(5,\)"),
        (lambda: da.average(X, weights=np.ones(6)), TypeError, r"\(4, 6\).*\(6,\)"),
        (lambda: da.array_split(X, 0), ValueError, "larger than 0"),
        (lambda: da.split(X, 3), ValueError, "4 elements into 3.*array_split"),
    ],
    "lengths that are not known": [
        (lambda: UNKNOWN[3], ValueError, "compute_chunk_sizes"),
        (lambda: len(UNKNOWN), ValueError, "compute_chunk_sizes"),
        (lambda: UNKNOWN.reshape(3, 1), ValueError, "compute_chunk_sizes"),
        (lambda: UNKNOWN.rechunk(2), ValueError, "compute_chunk_sizes"),
        (lambda: UNKNOWN.argmax(), ValueError, "compute_chunk_sizes"),
        (lambda: UNKNOWN.__setitem__(0, 1), ValueError, "compute_chunk_sizes"),
        (lambda: da.store(UNKNOWN, np.zeros(3)), ValueError, "compute_chunk_sizes"),
        (lambda: da.split(UNKNOWN, [1]), ValueError, "compute_chunk_sizes"),
        (lambda: da.concatenate([UNKNOWN[None], V[None]]), ValueError, "compute_chunk_sizes"),
        (lambda: da.unique(UNKNOWN, return_index=True), ValueError, "compute_chunk_sizes"),
        (lambda: (UNKNOWN + V).compute(), ValueError, "broadcast"),
    ],
    "chunks": [
        (lambda: da.ones(6, chunks=0), ValueError, "0"),
        (lambda: da.ones(6, chunks=-2), ValueError, "-2"),
        (lambda: da.ones(6, chunks=((3, -3, 6),)), ValueError, "-3"),
        (lambda: da.ones(6, chunks=((3, 2),)), ValueError, r"5.*6|\(3, 2\)"),
        (lambda: da.ones((2, 2), chunks=(1, 1, 1)), ValueError, "3.*2|axes|dimension"),
        (lambda: da.from_array(np.ones(4), chunks="odd"), ValueError, "odd"),
        (lambda: X.rechunk({5: 1}), np.exceptions.AxisError, "5"),
    ],
    "axes": [
        (lambda: X.sum(axis=2), np.exceptions.AxisError, "2.*2"),
        (lambda: X.sum(axis=(0, 0)), ValueError, "duplicate"),
        (lambda: da.sort(X, axis=3), np.exceptions.AxisError, "3"),
        (lambda: da.cumsum(X, axis=-3), np.exceptions.AxisError, "-3"),
        (lambda: da.concatenate([X, X], axis=2), np.exceptions.AxisError, "2"),
        (lambda: X.transpose(0, 0), ValueError, "once"),
        (lambda: X.squeeze(0), ValueError, r"\(4, 6\)"),
        (lambda: X[1, 2, 3], IndexError, "too many indices.*2.*3"),
        (lambda: X[4], IndexError, "4"),
        (lambda: X[[0, 9]], IndexError, "9"),
        (lambda: X[np.ones(5, bool)], IndexError, "4.*5|5.*4"),
        (lambda: da.linalg.norm(X, axis=(0, 5)), np.exceptions.AxisError, "5"),
        (lambda: da.fft.fft(X, axis=0), ValueError, r"rechunk\(\{0: -1\}\)"),
    ],
    "types": [
        (lambda: da.ones(2, dtype="i1") * 128, OverflowError, "out of bounds for int8"),
        (lambda: (X + object()).compute(), TypeError, "unsupported operand"),
        (lambda: da.sin(da.from_array(np.array(["a"]))).dtype, TypeError, "sin"),
        (lambda: da.ones(2).astype("i4", casting="safe"), TypeError, "float64.*int32.*safe"),
        (lambda: (OBJECTS + 1).compute(), TypeError, "unsupported operand"),
        (lambda: OBJECTS.sum().compute(), TypeError, "unsupported operand"),
        (lambda: da.bincount(X), ValueError, r"one dimensional.*\(4, 6\)"),
        (lambda: V["name"], IndexError, "name"),
        (lambda: V[{1}], IndexError, "valid indices.*set"),
        (lambda: da.ones(3, device="gpu"), ValueError, "'cpu'.*'gpu'"),
        (lambda: bool(V), ValueError, r"ambiguous.*\(6,\)"),
    ],
    "empty": [
        (lambda: V[:0].max(), ValueError, r"zero-size.*\(0,\)"),
        (lambda: V[V > 10].max().compute(), ValueError, "zero-size"),
        (lambda: V[:0].argmin(), ValueError, r"empty sequence.*\(0,\)"),
        (lambda: da.stack([]), ValueError, "at least one"),
    ],
}


@pytest.mark.parametrize("kind", CASES)
def test_said_at_once_and_in_full(kind: str) -> None:
    for i, (call, error, words) in enumerate(CASES[kind]):
        with pytest.raises(error, match=words):
            call()
            pytest.fail(f"number {i} of {kind} was accepted")


def test_blocks_of_another_shape_than_promised() -> None:
    y = X.map_blocks(lambda block: block[:, :1])
    with pytest.raises(ValueError, match=r"\(2, 1\), where \(2, 3\).*chunks=") as found:
        y.sum().compute()
    (note,) = [text for text in found.value.__notes__ if "task" in text]
    assert str(y._node.name.split("-")[0]) in note
    assert "0, 0" in note
    with pytest.raises(ValueError, match=r"\(2, 3\), where \(2, 1\)"):
        X.map_blocks(lambda block: block, chunks=(2, 1)).compute()
    with pytest.raises(ValueError, match=r"\(2, 6\), where \(2,\)"):
        X.map_blocks(np.asarray, drop_axis=1, dtype=float).compute()


def test_blocks_as_promised_in_every_way() -> None:
    assert X.map_blocks(lambda b: b[:, :1], chunks=(2, 1)).compute().shape == (4, 2)
    assert X.map_blocks(lambda b: b.sum(1), drop_axis=1).compute().shape == (4,)
    assert X.map_blocks(lambda b: b[None], new_axis=0).compute().shape == (1, 4, 6)
    assert da.map_blocks(np.add, X, da.ones(6, chunks=3)).compute().shape == (4, 6)
    assert UNKNOWN.map_blocks(lambda b: b + 1).compute().tolist() == [4, 5, 6]


class Liar:
    """A reader that has fewer rows than it tells."""

    shape, dtype, ndim = (4, 3), np.dtype(float), 2

    def __getitem__(self, index: Any) -> Any:
        return np.ones((3, 3))[index]


def test_a_reader_whose_shape_lies() -> None:
    x = da.from_array(Liar(), chunks=(2, 3))
    assert x[:2].sum().compute() == 6
    with pytest.raises(ValueError, match=r"Liar.*\(4, 3\).*\(1, 3\).*\(2, 3\)"):
        x.sum().compute()


def test_the_source_may_change_after_it_was_read() -> None:
    x = np.arange(4)
    d = da.from_array(x, chunks=2)
    x[:] = -1
    assert d.compute().tolist() == [0, 1, 2, 3]


def test_empty_blocks_have_no_say() -> None:
    x = V[V > 3]
    assert (int(x.max()), int(x.min())) == (5, 4)
    y = da.from_array(np.arange(6.0), chunks=((2, 0, 4),))
    assert (float(y.max()), float(da.nanmin(y))) == (5.0, 0.0)
    z = da.ones((4, 0), chunks=2)
    assert z.max(axis=0).compute().shape == (0,)


def test_an_unknown_length_is_not_taken_for_a_known_one() -> None:
    x = da.arange(4, chunks=2)
    some = x[x > 0]  # a block of one element, which NumPy would repeat
    for make in (lambda: some + x, lambda: da.where(some > 0, x, 0), lambda: x * some[None]):
        with pytest.raises(ValueError, match=r"unknown length .* 4; call compute_chunk_sizes"):
            make()
    assert (some + some[None] + 1).compute().tolist() == [[3, 5, 7]]
    assert (some.compute_chunk_sizes() * 2 + da.ones(1)).compute().tolist() == [3, 5, 7]
