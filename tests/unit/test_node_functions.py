"""Functions of tasks on a worker: by numbers, which a scheduler that was restarted gives anew."""

from __future__ import annotations

import pickle
from typing import Any

from shoal.distributed.node.functions import Functions


def code(number: int, func: Any) -> tuple[int, bytes, bytes]:
    return number, b"", pickle.dumps((func,))


def test_a_number_means_what_was_said_last() -> None:
    functions = Functions()
    functions.learn([code(1, abs), code(2, len)])
    kept = functions.get(1)
    assert functions.get(2) == (len, None)
    functions.learn([code(1, abs), code(2, sum)])
    assert functions.get(2) == (sum, None)
    assert functions.ready[2] == (sum, None)
    assert functions.get(1) is kept  # it is the same, and need not be unpickled again


class Slow:
    """Its pickle tells the functions another meaning of its number while it is loaded."""

    functions: Functions

    def __reduce__(self) -> Any:
        return relearned, ()


def relearned() -> Any:
    Slow.functions.learn([code(1, sum)])
    return len


def test_one_that_is_told_anew_while_it_is_unpickled() -> None:
    functions = Slow.functions = Functions()
    functions.learn([code(1, Slow())])
    assert functions.get(1) == (len, None)  # who asked meant the one before
    assert functions.get(1) == (sum, None)
