"""What tasks print on its way to clients: whole lines, bounded, and what is left out is counted."""

from __future__ import annotations

import io
import logging
import os
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.distributed.client.printing import handle_printed
from shoal.distributed.node import output
from shoal.distributed.node.echo import MOST_KINDS, Waiting, place_of
from shoal.distributed.node.output import Stream, Teller, already_told

TOLD = "... {} left out; Client.get_worker_logs() has the last of them\n"

PIECES = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["1", "\n", "2\n3", "\n\n4"])))


@given(PIECES, st.integers(0, 3))
def test_each_line_is_told_once_and_whole(pieces: list[tuple[str, str]], every: int) -> None:
    waiting = Waiting()
    told = {"a": "", "b": ""}
    for number, (key, text) in enumerate(pieces):
        waiting.add(key, "stdout", text)
        if every and number % every == 0:
            for key, _, said in waiting.take(number / 1000, told):
                assert said.endswith("\n")
                told[key] += said
    for key, _, said in waiting.take(100.0, ()):
        told[key] += said
    assert len(waiting) == 0
    for key in "ab":
        wanted = "".join(text for k, text in pieces if k == key)
        assert told[key] == wanted + "\n" * (wanted != "" and not wanted.endswith("\n"))


@given(st.lists(st.sampled_from(["x", "\n", "yy\n", "1\n2\n3\n"])), st.integers(1, 4))
def test_what_is_told_and_what_is_left_out_is_all(texts: list[str], lines: int) -> None:
    waiting = Waiting(of_task=(lines, 1000))
    for text in texts:
        waiting.add("x", "stdout", text)
    written = "".join(texts)
    count = written.count("\n") + (written != "" and not written.endswith("\n"))
    told = "".join(text for _, _, text in waiting.take(0.0, ()))
    *passed, last = told.splitlines() or [""]
    if " of x left out" in last:
        assert len(passed) + int(last.split()[1]) == count
    else:
        assert told.count("\n") == count


def test_bounds_are_of_a_second_and_of_all_tasks() -> None:
    waiting = Waiting(of_task=(2, 10), of_all=(3, 100))
    waiting.add("x", "stdout", "1\n2\n3\n")
    waiting.add("y", "stderr", "z" * 50)
    waiting.add("z", "stdout", "4\n")
    told = waiting.take(0.5, {"x", "y", "z"})
    assert told == [
        ("x", "stdout", "1\n2\n"),
        ("y", "stderr", "z" * 10 + "\n"),
        ("z", "stdout", "4\n"),
    ]
    waiting.add("z", "stdout", "5\n")
    assert waiting.take(0.9, {"x", "y", "z"}) == []
    told = waiting.take(1.0, {"x", "y", "z"})
    assert [text.split(";")[0] for _, _, text in told] == [
        "... 1 line of x left out",
        "... 1 line of y left out",
        "... 1 line of z left out",
    ]
    waiting.add("x", "stdout", "6\n")
    assert waiting.take(1.1, {"x"}) == [("x", "stdout", "6\n")]
    assert waiting.take(2.0, {"x"}) == [] and len(waiting) == 0


def test_what_many_tasks_leave_out_is_told_once_in_a_second() -> None:
    waiting = Waiting(of_all=(10, 1000))
    told: list[tuple[Any, str, str]] = []
    for number in range(5000):
        waiting.add(("inc-12", number), "stdout", "hello\n")
        told += waiting.take(number / 1000, ())
    lines = [text for _, _, text in told if text != "hello\n"]
    assert len(told) - len(lines) == 50 and len(lines) == 5
    assert lines[0] == TOLD.format("1 line of ('inc-12', 10)")
    assert lines[1] == TOLD.format("990 lines of 990 tasks 'inc'")
    (last,) = waiting.take(6.0, ())
    assert last[0] == ("inc-12", 4999)
    assert sum(int(text.split()[1]) for text in [*lines, last[2]]) == 4950
    assert waiting.take(7.0, ()) == [] and len(waiting) == 0


def test_many_kinds_of_tasks_are_told_of_together() -> None:
    waiting = Waiting(of_all=(0, 1000))
    for number in range(1000):
        waiting.add("".join(chr(ord("a") + int(digit)) for digit in str(number)), "stdout", "1\n")
    told = waiting.take(0.5, ())
    assert len(told) == MOST_KINDS + 1
    assert told[-1][2] == TOLD.format("980 lines of 980 tasks 'of other kinds'")


def test_the_bound_of_a_second_ends_with_it_whoever_has_ended() -> None:
    waiting = Waiting(of_all=(1, 1000))
    waiting.add("x", "stdout", "1\n")
    assert waiting.take(0.1, ()) == [("x", "stdout", "1\n")]
    assert len(waiting) > 0  # somebody has to look once more
    assert waiting.take(1.1, ()) == [] and len(waiting) == 0
    waiting.add("y", "stdout", "2\n")
    assert waiting.take(5.0, ()) == [("y", "stdout", "2\n")]


def test_a_line_that_does_not_end_is_told_after_a_second() -> None:
    waiting = Waiting()
    told: list[str] = []
    for step in range(70):
        waiting.add("x", "stdout", f"\r{step} %")
        told += [text for _, _, text in waiting.take(step / 10, {"x"})]
    assert len(told) == 3 and all(text.endswith("\n") for text in told)
    assert "".join(told).replace("\n", "").startswith("\r0 %\r1 %\r2 %")
    waiting.add("x", "stdout", "\n")
    waiting.add("x", "stdout", "begun")
    assert waiting.take(7.0, {"x"})[0][2].endswith("69 %\n")
    assert waiting.take(7.9, {"x"}) == []


def test_what_a_task_writes_and_logs_is_told_as_it_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[tuple[Any, str, str]] = []
    stream = Stream("stdout", io.StringIO(), deque(), lambda *args: said.append(args))
    shown = logging.StreamHandler(io.StringIO())
    shown.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    teller = Teller(shown, lambda *args: said.append(args))
    record = logging.makeLogRecord({"name": "mine", "msg": "logged"})
    stream.write("of no task\n")
    teller.emit(record)
    task: Any = SimpleNamespace(key=("x", 0))
    monkeypatch.setattr(output, "current_task", lambda: task)
    stream.write("hello")
    teller.emit(record)
    with already_told():
        stream.write("news")
    assert said == [(("x", 0), "stdout", "hello"), (("x", 0), "stderr", "mine: logged\n")]


def test_a_line_that_stands_on_this_terminal_is_not_printed_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = [("x", "stdout", "hello\n"), ("x", "stderr", "error\n")]
    handle_printed((0.0, {"said": said, "places": {"stdout": place_of(1), "stderr": "elsewhere"}}))
    here = "" if place_of(1) else "hello\n"  # what goes to the null device stands nowhere
    assert capsys.readouterr() == (here, "error\n")


def test_the_null_device_is_no_place() -> None:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        assert place_of(descriptor) == ""
    finally:
        os.close(descriptor)
