"""Ctrl-C waits until what has been begun is done."""

from __future__ import annotations

import subprocess
import sys
import threading

from shoal.distributed.net.signals import unbroken

WAIT_S = 120

PROGRAM = """
import signal
from shoal.distributed.net.signals import unbroken

def interrupt():
    signal.raise_signal(signal.SIGINT)

usual = signal.getsignal(signal.SIGINT)
try:
    with unbroken():
        with unbroken():
            interrupt()
            interrupt()
        print("done")
    print("never")
except KeyboardInterrupt:
    print("raised")
print(signal.getsignal(signal.SIGINT) is usual)
with unbroken():
    pass
try:
    with unbroken():
        interrupt()
        raise ValueError
except KeyboardInterrupt as error:
    print(type(error.__context__).__name__)
signal.signal(signal.SIGINT, lambda *_: print("own"))
with unbroken():
    interrupt()
    print("after")
"""


def test_ctrl_c_comes_after_what_is_not_to_be_broken() -> None:
    # In a program of its own: that tests are run with handlers of signals is not what is tested.
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)
    said = ["done", "raised", "True", "ValueError", "own", "after"]
    assert done.stdout.splitlines() == said, done.stderr


def test_other_threads_are_not_concerned() -> None:
    done: list[bool] = []

    def work() -> None:
        with unbroken():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
