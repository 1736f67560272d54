"""Gates: an opening is never lost, and lets one wait pass."""

from __future__ import annotations

import threading

from shoal.distributed.net.gate import Gate, borrow_gate, return_gate


def test_openings_before_the_wait_count_once() -> None:
    gate = Gate()
    gate.open()
    assert gate.wait_for(5)
    assert not gate.wait_for(0)


def test_a_thread_is_let_pass() -> None:
    there, back = Gate(), Gate()

    def other() -> None:
        for _ in range(100):
            there.wait()
            back.open()

    thread = threading.Thread(target=other)
    thread.start()
    for _ in range(100):
        there.open()
        assert back.wait_for(60)
    thread.join()


def test_infinite_and_negative_times() -> None:
    gate = Gate()
    assert not gate.wait_for(-1)
    gate.open()
    assert gate.wait_for(float("inf"))


def test_a_gate_is_lent_to_one_wait_at_a_time() -> None:
    first = borrow_gate()
    second = borrow_gate()
    assert first is not second
    return_gate(first)
    assert borrow_gate() is first
    return_gate(first)
