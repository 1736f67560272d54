"""Sizes and durations as people write them: ``"64 MiB"``, ``"1.5 h"``, and back.

Settings, block sizes and reports all speak these words, so they stand below everything else and
import nothing.  Decimal prefixes (kB, MB) are powers of 1000 and binary ones (KiB, MiB) powers of
1024; a lone prefix letter ("100M") is decimal.  Case does not matter, and a unit alone is one of
it.  What is printed for bytes is always binary.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal, overload

__all__ = ["format_bytes", "format_time", "parse_bytes", "parse_timedelta"]

_DECIMAL = {prefix: 1000 ** (i + 1) for i, prefix in enumerate("kmgtp")}
_BINARY = {prefix: 1024 ** (i + 1) for i, prefix in enumerate("kmgtp")}

_BYTE_UNITS: dict[str, int] = {"": 1, "b": 1}
for _prefix in "kmgtp":
    _BYTE_UNITS |= {_prefix: _DECIMAL[_prefix], _prefix + "b": _DECIMAL[_prefix]}
    _BYTE_UNITS |= {_prefix + "i": _BINARY[_prefix], _prefix + "ib": _BINARY[_prefix]}

# In seconds, by every name a unit goes by.
_TIME_UNITS: dict[str, float] = {}
for _short, _long, _seconds in (
    ("ns", "nanosecond", 1e-9),
    ("us", "microsecond", 1e-6),
    ("ms", "millisecond", 1e-3),
    ("s", "second", 1),
    ("m", "minute", 60),
    ("h", "hour", 3600),
    ("d", "day", 86400),
    ("w", "week", 604800),
):
    _TIME_UNITS |= {_short: _seconds, _long: _seconds, _long + "s": _seconds}

_QUANTITY = re.compile(
    r"\s*(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)?\s*(?P<unit>[a-z]*)\s*",
    re.IGNORECASE,
)


def _split(text: str) -> tuple[float | None, str] | None:
    """The number and the unit in ``text``, one of which may be missing; None if both are."""
    match = _QUANTITY.fullmatch(text)
    if match is None or not (match["number"] or match["unit"]):
        return None
    number = match["number"]
    return (None if number is None else float(number)), match["unit"]


def parse_bytes(size: str | float) -> int:
    """A number of bytes from text such as ``"64 MiB"``.

    Parameters
    ----------
    size : str, int or float
        A number, a unit, or both; a number alone is in bytes.  Fractions of a byte are cut off.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ValueError
        For text that is not a number and a known unit.
    TypeError
        For anything but text and numbers.

    Examples
    --------
    >>> parse_bytes("64 MiB"), parse_bytes("100M"), parse_bytes("1e6 kB"), parse_bytes(12.0)
    (67108864, 100000000, 1000000000, 12)
    """
    if isinstance(size, int | float):
        return int(size)
    if not isinstance(size, str):
        raise TypeError(f"a size is text such as '64 MiB' or a number of bytes; got {size!r}")
    parts = _split(size)
    unit = None if parts is None else _BYTE_UNITS.get(parts[1].lower())
    if parts is None or unit is None:
        raise ValueError(
            f"could not interpret {size!r} as a size; write a number and one of "
            "B, kB, MB, GB, TB, PB, KiB, MiB, GiB, TiB, PiB"
        )
    return int((1 if parts[0] is None else parts[0]) * unit)


@overload
def parse_timedelta(duration: None, default: str | Literal[False] = ...) -> None: ...
@overload
def parse_timedelta(
    duration: str | float | timedelta, default: str | Literal[False] = ...
) -> float: ...
def parse_timedelta(
    duration: str | float | timedelta | None, default: str | Literal[False] = "seconds"
) -> float | None:
    """A number of seconds from text such as ``"1.5 h"``.

    Parameters
    ----------
    duration : str, int, float, timedelta or None
        A number, a unit, or both; None stays None.
    default : str or False
        The unit of a number that has none; False makes such a number an error.

    Returns
    -------
    int, float or None
        Seconds; an int where the value is whole.

    Raises
    ------
    KeyError
        For a unit that is not known.
    ValueError
        For text that is not a duration, or a missing unit where ``default`` is False.
    TypeError
        For a ``default`` that is neither text nor False.

    Examples
    --------
    >>> parse_timedelta("1.5 h"), parse_timedelta("100ms"), parse_timedelta("1", default="ms")
    (5400, 0.1, 0.001)
    """
    if duration is None:
        return None
    if isinstance(duration, timedelta):
        return _whole(duration.total_seconds())
    if not isinstance(default, str) and default is not False:
        raise TypeError(f"default must be a unit of time or False; got {default!r}")
    parts = _split(str(duration))
    if parts is None:
        raise ValueError(f"could not interpret {duration!r} as a duration; write e.g. '1.5 h'")
    number, unit = parts
    unit = unit or default or ""
    if not unit:
        raise ValueError(f"missing a time unit on {duration!r}; write e.g. '{duration} s'")
    if unit.lower() not in _TIME_UNITS:
        raise KeyError(f"Invalid time unit: {unit}. Valid units are: {', '.join(_TIME_UNITS)}")
    return _whole((1 if number is None else number) * _TIME_UNITS[unit.lower()])


def _whole(seconds: float) -> float:
    return int(seconds) if seconds == int(seconds) else seconds


def format_bytes(size: float) -> str:
    """A number of bytes in the largest binary unit of which it is at least 0.9.

    Parameters
    ----------
    size : int or float
        Bytes.

    Returns
    -------
    str

    Examples
    --------
    >>> format_bytes(12), format_bytes(1000), format_bytes(64 * 2**20)
    ('12 B', '0.98 kiB', '64.00 MiB')
    """
    for prefix in "ptgmk":
        unit = _BINARY[prefix]
        if size >= unit * 0.9:
            shown = prefix if prefix == "k" else prefix.upper()
            return f"{size / unit:.2f} {shown}iB"
    return f"{size} B"


def format_time(seconds: float) -> str:
    """A duration in the unit, or the two units, in which it is easiest to read.

    Parameters
    ----------
    seconds : int or float
        The duration.

    Returns
    -------
    str

    Examples
    --------
    >>> format_time(0.00123), format_time(1.4), format_time(1234.5), format_time(3 * 86400)
    ('1.23 ms', '1.40 s', '20m 34s', '3d 0hr')
    """
    if seconds > 2 * 86400:
        return f"{int(seconds / 86400)}d {int(seconds % 86400 / 3600)}hr"
    if seconds > 2 * 3600:
        return f"{int(seconds / 3600)}hr {int(seconds % 3600 / 60)}m"
    if seconds > 10 * 60:
        return f"{int(seconds / 60)}m {int(seconds % 60)}s"
    for unit, in_seconds in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= in_seconds:
            return f"{seconds / in_seconds:.2f} {unit}"
    return f"{seconds * 1e6:.2f} us"
