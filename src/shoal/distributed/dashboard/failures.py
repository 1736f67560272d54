"""Failures as text: what a task raised is read and never rebuilt, for that would run its code."""

from __future__ import annotations

import io
import pickle
from typing import Any

from shoal.serialize.messages import shortened

__all__: list[str] = []


class Plain(pickle.Unpickler):
    """Unpickles plain data, and nothing that would run code."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse: plain data names no class."""
        raise pickle.UnpicklingError(f"{module}.{name} is no plain data")


def failure_text(why: str, data: Any) -> tuple[str, str]:
    """The error in one line, and its traceback.

    What a task raised comes packed (`shoal.serialize.exceptions`): the description is read, the
    exception itself is not rebuilt, for that would run the user's code.

    Parameters
    ----------
    why
        Kind of failure.
    data
        As in `shoal.distributed.protocol.Finished`.

    Examples
    --------
    >>> from shoal.distributed.node.results import pack_error
    >>> failure_text("raised", pack_error(ValueError("no")))
    ('ValueError: no', '')
    >>> failure_text("killed", b"its worker died")
    ('killed: its worker died', '')
    """
    if why != "raised":
        return shortened(f"{why}: {bytes(data).decode(errors='replace')}", 500), ""
    try:
        packed = Plain(io.BytesIO(bytes(data))).load()
        lines = list(chain(packed))
    except Exception as error:
        return f"an error that cannot be shown ({type(error).__name__})", ""
    name, said = packed[1][0], packed[1][1]
    return shortened(f"{name}: {said}", 500), shortened("\n".join(lines), 20_000)


def chain(packed: Any) -> Any:
    """Lines of the traceback of an error and of those that led to it."""
    _, (name, said, notes), places, cause, context, suppress = packed
    before, word = (
        (cause, "The above exception was the direct cause of the following exception:")
        if cause is not None
        else (None if suppress else context, "During handling of it, another exception occurred:")
    )
    if before is not None:
        yield from chain(before)
        yield f"\n{word}\n"
    if places:
        yield "Traceback (most recent call last):"
        for file, function, _, span in places:
            yield f'  File "{file}", line {span[0]}, in {function}'
        yield f"{name}: {said}"
        yield from notes or ()
