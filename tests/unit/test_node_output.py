"""Lines of a worker's log are no longer than people read."""

from __future__ import annotations

import io
import logging
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.distributed.node import output
from shoal.distributed.node.output import LINE_CHARACTERS, Keeper, Line, Stream


def test_a_long_record_is_shortened() -> None:
    log: deque[Line] = deque()
    Keeper(log).emit(logging.makeLogRecord({"msg": "a" + "x" * 10**6 + "z"}))
    text = log[0][1]
    assert len(text) < LINE_CHARACTERS + 100 and text[0] == "a" and text[-1] == "z"
    assert "990,002 characters left out" in text


@pytest.mark.parametrize("end", ["\n", ""])
def test_what_a_task_prints_is_written_through_and_kept_in_short(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: Any = SimpleNamespace(key="x")
    monkeypatch.setattr(output, "current_task", lambda: task)
    log: deque[Line] = deque()
    stream = Stream("stdout", under := io.StringIO(), log)
    said = "x" * 10**6 + end
    stream.write(said)
    assert under.getvalue() == said
    assert [len(line[1]) < LINE_CHARACTERS + 100 for line in log] == [True]
    stream.write("short\n")
    assert log[-1][1] == "short"
