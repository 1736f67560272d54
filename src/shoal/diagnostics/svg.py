"""Words of SVG: elements as strings, and how much room a text takes.

Only what every drawing in this package needs.  Attributes are written out and there is no style
sheet, so that converters with half an SVG engine draw the same picture as a browser.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

__all__ = [
    "COLOURS",
    "blend",
    "document",
    "element",
    "number",
    "shorten",
    "text",
    "text_width",
    "title",
]

FONT = "Helvetica, Arial, sans-serif"

COLOURS = (
    *("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2"),
    *("#eeca3b", "#9d755d", "#ff9da6", "#439894", "#83bcb6", "#d6a5c9"),
)
"""Colours that are told apart, the most different first."""

NARROW = frozenset("fijlrtI.,:;'|!()[]{} -")
WIDE = frozenset("mwMWGOQ@%")


def number(value: float) -> str:
    """A coordinate in few characters.

    Parameters
    ----------
    value
        Pixels.

    Examples
    --------
    >>> number(3.0), number(2.345)
    ('3', '2.3')
    """
    return f"{value:.1f}".removesuffix(".0")


def element(name: str, *children: str, **attributes: object) -> str:
    """One element.

    Parameters
    ----------
    name
        Of the element.
    *children
        Elements, and text that is escaped already.
    **attributes
        ``_`` in a name stands for ``-``; None leaves the attribute out.

    Examples
    --------
    >>> element("text", "a", x=1.25, text_anchor="middle")
    '<text x="1.2" text-anchor="middle">a</text>'
    """
    parts = [name]
    for key, value in attributes.items():
        if value is not None:
            text = number(value) if isinstance(value, float) else str(value)
            parts.append(f"{key.rstrip('_').replace('_', '-')}={quoteattr(text)}")
    head = " ".join(parts)
    return f"<{head}>{''.join(children)}</{name}>" if children else f"<{head}/>"


def text(x: float, y: float, words: str, *, size: float = 12, **attributes: object) -> str:
    """A line of text.

    Parameters
    ----------
    x, y
        Where its baseline starts, or is centred with ``text_anchor="middle"``.
    words
        Plain text.
    size
        In pixels.
    **attributes
        Of the element.

    Examples
    --------
    >>> text(0, 0, "a < b", size=9)
    '<text x="0" y="0" font-size="9">a &lt; b</text>'
    """
    return element("text", escape(words), x=float(x), y=float(y), font_size=size, **attributes)


def title(words: str) -> str:
    """What a browser shows when the pointer rests on the element around it.

    Parameters
    ----------
    words
        Plain text.

    Examples
    --------
    >>> element("rect", title("here"))
    '<rect><title>here</title></rect>'
    """
    return element("title", escape(words))


def document(width: float, height: float, *children: str, **attributes: object) -> str:
    """A whole picture on white.

    Parameters
    ----------
    width, height
        Pixels.
    *children
        Elements.
    **attributes
        Of the outermost element.

    Examples
    --------
    >>> document(10, 20).startswith('<svg xmlns="http://www.w3.org/2000/svg" width="10"')
    True
    """
    size = {"width": float(width), "height": float(height)}
    return element(
        "svg",
        element("rect", **size, fill="white"),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        **size,
        viewBox=f"0 0 {number(width)} {number(height)}",
        font_family=FONT,
        **attributes,
    )


def text_width(words: str, size: float = 12) -> float:
    """About how wide a line of text is, without asking for a font.

    Parameters
    ----------
    words
        Plain text.
    size
        In pixels.

    Examples
    --------
    >>> text_width("ill") < text_width("abc") < text_width("MWM")
    True
    """
    units = sum(0.35 if c in NARROW else 0.92 if c in WIDE else 0.61 for c in words)
    return units * size


def shorten(words: str, most: int) -> str:
    """A text of at most ``most`` characters, its middle left out.

    Parameters
    ----------
    words
        Any text.
    most
        How many characters, at least 3.

    Examples
    --------
    >>> shorten("read-parquet-from-somewhere", 15)
    'read-pa…mewhere'
    """
    if len(words) <= most:
        return words
    tail = (most - 1) // 2
    return f"{words[: most - 1 - tail]}…{words[len(words) - tail :]}"


def blend(colours: tuple[str, ...], fraction: float) -> str:
    """A colour from a scale.

    Parameters
    ----------
    colours
        At equal distances along the scale, as ``#rrggbb``.
    fraction
        Where on it, from 0 to 1.

    Examples
    --------
    >>> blend(("#000000", "#ffffff"), 0.5)
    '#808080'
    """
    at = min(max(fraction, 0.0), 1.0) * (len(colours) - 1)
    low = min(int(at), len(colours) - 2)
    share = at - low
    pairs = zip(_channels(colours[low]), _channels(colours[low + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
