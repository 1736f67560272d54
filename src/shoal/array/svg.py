"""Pictures of arrays: how they are cut, as SVG, and in a table for notebooks.

An array of up to three axes is a line, a rectangle or a box in isometric view; one of more axes is
several of them, side by side.  Every face is a parallelogram with a line for each boundary of
blocks, so one function draws them all.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence
from typing import Any

from shoal.array.chunks import AxisChunks, Chunks, has_unknown
from shoal.array.collection import Array
from shoal.units import format_bytes

__all__ = ["draw_sizes", "repr_html", "svg", "to_svg"]

SIZE = 120
"""Pixels of the longest axis."""

MOST_LINES = 50
"""Of a face along an axis; where there are more boundaries, some stand for all."""

FEW, MANY = "ECB172", "8B4903"
"""Colours of faces, with and without all of their lines."""

THIN = 25.0
"""Pixels of the axis that an array of one axis does not have."""

Point = tuple[float, float]


def to_svg(self: Array, size: int | None = None) -> str:
    """A picture of the array's blocks; see `svg`.

    Parameters
    ----------
    self
        The array.
    size
        Pixels of the longest axis.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones((4, 3), chunks=2).to_svg().startswith("<svg")
    True
    """
    return svg(self.chunks, size or SIZE)


def svg(chunks: Chunks, size: int = SIZE, **kwargs: Any) -> str:
    """A picture of blocks.

    Parameters
    ----------
    chunks
        Lengths of the blocks along each axis.
    size
        Pixels of the longest axis.
    **kwargs
        Accepted for programs that pass ``sizes``.

    Returns
    -------
    str
        An SVG document.

    Raises
    ------
    NotImplementedError
        There is nothing to draw: no axes, no elements, or lengths that are not known.

    Examples
    --------
    >>> svg(((2, 2), (3,))).startswith("<svg")
    True
    """
    shape = tuple([sum(blocks) for blocks in chunks])
    if not shape:
        raise NotImplementedError("Can't generate SVG with 0 dimensions")
    if has_unknown(chunks):
        raise NotImplementedError(
            "Can't generate SVG with unknown chunk sizes.\n\n A possible solution is with "
            "x.compute_chunk_sizes()"
        )
    if not all(shape):
        raise NotImplementedError("Can't generate SVG with 0-length dimensions")
    first = len(chunks) % 3 or 3
    cuts = [0, *range(first, len(chunks) + 1, 3)]
    parts: list[str] = []
    left, height = 10.0, 0.0
    for begin, end in itertools.pairwise(cuts):
        lines, extent = _drawn(chunks[begin:end], size, left)
        parts += lines
        left, height = extent[0] + 50, max(height, extent[1])
    style = 'style="stroke:rgb(0,0,0);stroke-width:1"'
    head = f'<svg width="{left:.0f}" height="{height + 40:.0f}" {style}>'
    return "\n".join([head, *parts, "</svg>"])


def draw_sizes(shape: Sequence[int], size: int = SIZE) -> tuple[float, ...]:
    """Pixels for each axis: short axes are drawn longer than they are, to be seen.

    Parameters
    ----------
    shape
        Lengths, none zero.
    size
        Pixels of the longest.

    Examples
    --------
    >>> draw_sizes((10, 5), 100), [round(n) for n in draw_sizes((1000, 10), 100)]
    ((100.0, 50.0), [100, 17])
    """
    longest = max(shape)
    ratios = [longest / max(1, n) for n in shape]
    return tuple([size / (r if r <= 2 else 2 + math.log(r / 2)) for r in ratios])


def _drawn(chunks: Chunks, size: int, left: float) -> tuple[list[str], Point]:
    """The lines of a picture of up to three axes, and its lower right corner."""
    shape = tuple([sum(blocks) for blocks in chunks])
    sizes = draw_sizes(shape, size)
    if len(chunks) == 1:
        corners = _face((left, 10), (0, THIN), (sizes[0], 0), (), _places(chunks[0], sizes[0]))
        return corners + _labels(left, 10 + THIN, sizes[0], shape), (left + sizes[0], 10 + THIN)
    width, height = sizes[-1], sizes[-2]
    across, down = _places(chunks[-1], width), _places(chunks[-2], height)
    if len(chunks) == 2:
        face = _face((left, 10), (0, height), (width, 0), down, across)
        return face + _labels(left, 10 + height, width, shape), (left + width, 10 + height)
    # The first axis goes to the lower right, by half its length.
    slope = sizes[0] / 1.7
    back = _places(chunks[0], slope)
    front = (left + slope, 10 + slope)
    lines = _face((left, 10), (slope, slope), (width, 0), back, across)
    lines += _face((left, 10), (0, height), (slope, slope), down, back)
    lines += _face(front, (0, height), (width, 0), down, across)
    corner = (front[0] + width, front[1] + height)
    lines += _labels(front[0], corner[1], width, shape[1:])
    lines.append(_text(left + slope / 2 - 10, 10 + height + slope / 2 + 15, shape[0], 45))
    return lines, corner


def _places(blocks: AxisChunks, length: float) -> tuple[float, ...]:
    """Where blocks of an axis end, as parts of it; not too many of them."""
    ends = list(itertools.accumulate(blocks, initial=0))
    if len(ends) > MOST_LINES:
        step = (len(ends) - 1) / (MOST_LINES - 1)
        ends = [ends[round(i * step)] for i in range(MOST_LINES)]
        return (*[end / ends[-1] for end in ends], math.inf)
    return tuple([end / ends[-1] for end in ends])


def _face(
    start: Point, u: Point, v: Point, along_u: Sequence[float], along_v: Sequence[float]
) -> list[str]:
    """A parallelogram with a line across for each place along its sides."""
    crowded = math.inf in (*along_u, *along_v)
    corners = [_moved(start, u, v, *at) for at in ((0, 0), (1, 0), (1, 1), (0, 1))]
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    colour = MANY if crowded else FEW
    lines = [f'  <polygon points="{text}" style="fill:#{colour};fill-opacity:0.6;stroke-width:0"/>']
    for places, turned in ((along_u or (0, 1), False), (along_v or (0, 1), True)):
        for place in places:
            if place == math.inf:
                continue
            ends = [(place, 0), (place, 1)] if not turned else [(0, place), (1, place)]
            (x1, y1), (x2, y2) = (_moved(start, u, v, *at) for at in ends)
            edge = ' style="stroke-width:2"' if place in (0, 1) else ""
            lines.append(f'  <line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{edge}/>')
    return lines


def _moved(start: Point, u: Point, v: Point, a: float, b: float) -> Point:
    return start[0] + a * u[0] + b * v[0], start[1] + a * u[1] + b * v[1]


def _labels(left: float, bottom: float, width: float, shape: Sequence[int]) -> list[str]:
    """The lengths: that of the last axis below, that of the one before at the right."""
    out = [_text(left + width / 2, bottom + 20, shape[-1], 0)]
    if len(shape) > 1:
        out.append(_text(left + width + 20, bottom - 30, shape[-2], -90))
    return out


def _text(x: float, y: float, number: int, turn: int) -> str:
    style = "font-size:16px;font-weight:100;text-anchor:middle;stroke-width:0"
    turned = f' transform="rotate({turn},{x:.1f},{y:.1f})"' if turn else ""
    return f'  <text x="{x:.1f}" y="{y:.1f}" style="{style}"{turned}>{number}</text>'


def repr_html(self: Array) -> str:
    """What notebooks show: size, shape and type of the array and of its blocks, and a picture.

    Parameters
    ----------
    self
        The array.

    Examples
    --------
    >>> import shoal.array as da
    >>> "(4, 3)" in da.ones((4, 3), chunks=2)._repr_html_()
    True
    """
    kind = type(self._meta)
    known = not has_unknown(self.chunks)
    block = math.prod(self.chunksize) * self.itemsize
    # What other kinds of arrays take is not told by their shape.
    size = [("Bytes", _bytes(self.nbytes), _bytes(block))] if kind.__module__ == "numpy" else []
    rows = [
        *size,
        ("Shape", str(self.shape), str(self.chunksize)),
        ("Count", f"{self.npartitions} blocks", ""),
        ("Type", str(self.dtype), f"{kind.__module__}.{kind.__name__}"),
    ]
    cells = [
        f"<tr><th>{name}</th><td>{html.escape(whole)}</td><td>{html.escape(block)}</td></tr>"
        for name, whole, block in rows
    ]
    head = "<thead><tr><td></td><th>Array</th><th>Block</th></tr></thead>"
    table = f"<table>{head}<tbody>{''.join(cells)}</tbody></table>"
    drawn = known and self.ndim and all(self.shape)
    picture = f"<td>{to_svg(self)}</td>" if drawn else ""
    return f"<table><tr><td>{table}</td>{picture}</tr></table>"


def _bytes(count: float) -> str:
    return "unknown" if count != count else format_bytes(int(count))
