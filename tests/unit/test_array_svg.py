"""Pictures of arrays."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

import shoal.array as da
from shoal.array.svg import draw_sizes


@pytest.mark.parametrize("ndim", range(1, 8))
def test_one_picture_whatever_the_axes(ndim: int) -> None:
    root = ET.fromstring(da.ones((10,) * ndim, chunks=5).to_svg())
    assert root.tag == "svg"
    texts = [item.text for item in root.iter("text")]
    assert texts == ["10"] * ndim


def test_a_line_for_each_boundary() -> None:
    root = ET.fromstring(da.ones((10, 6), chunks=(5, 2)).to_svg())
    assert len(list(root.iter("line"))) == 3 + 4


def test_many_blocks_are_few_lines_and_darker() -> None:
    text = da.ones((16000, 2400, 3600), chunks=(1, 2400, 3600)).to_svg()
    assert text.count("\n") < 300
    assert "8B4903" in text
    assert "8B4903" not in da.ones((10, 10), chunks=5).to_svg()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: da.ones(()), "0 dimensions"),
        (lambda: da.ones(10)[:0], "0-length dimensions"),
        (lambda: da.ones(10)[da.ones(10) > 5], "unknown chunk sizes"),
    ],
)
def test_nothing_to_draw(make: object, words: str) -> None:
    array = make()  # type: ignore[operator]
    with pytest.raises(NotImplementedError, match=words):
        array.to_svg()
    ET.fromstring(array._repr_html_())


def test_table_for_notebooks() -> None:
    x = da.ones((3000, 10000, 50), chunks=(1000, 1000, 10))
    text = x._repr_html_()
    ET.fromstring(text)
    for said in (str(x.shape), str(x.chunksize), "float64", "GiB", "<svg"):
        assert said in text


def test_sizes_show_short_axes() -> None:
    assert draw_sizes((10, 10), size=200) == (200, 200)
    a, b, c = draw_sizes((1000, 100, 10))
    assert b < a < 5 * b
    assert c < b < 5 * c
