"""Functions of tasks on a worker: unpickled once, by whoever calls them first."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest

from shoal.distributed.core.worker.table import Code
from shoal.distributed.node.functions import function_of

made: list[int] = []


class Counted:
    def __reduce__(self) -> Any:
        return count, ()


def count() -> Any:
    made.append(1)
    return len


def test_one_is_unpickled_once_by_any_number_of_threads() -> None:
    made.clear()
    code = Code(b"", pickle.dumps((Counted(), 5)))
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(function_of(code))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(len, 5)] * 8 and made == [1]


def test_data_has_none_and_one_that_cannot_be_unpickled_is_said_each_time() -> None:
    assert function_of(None) == (None, None)
    code = Code(b"", b"no pickle")
    for _ in range(2):
        with pytest.raises(pickle.UnpicklingError) as caught:
            function_of(code)
        assert "could not be unpickled on the worker" in caught.value.__notes__[0]
