"""Where arrays are, as the array API standard asks: in the memory of processes, "cpu"."""

from __future__ import annotations

from typing import Any

__all__ = ["CPU", "check_device"]

CPU = "cpu"
"""The only device: what blocks are made of is said by their type (``meta=``), not by a device."""


def check_device(device: Any) -> None:
    """Refuse a device that is not there.

    Parameters
    ----------
    device
        "cpu", or None for the default, which is the same.

    Raises
    ------
    ValueError
        It is another one.

    Examples
    --------
    >>> check_device("cpu")
    """
    if device is not None and device != CPU:
        raise ValueError(
            f"the only device is {CPU!r}, got {device!r}; blocks of another kind of array are "
            "asked for with meta= or like="
        )
