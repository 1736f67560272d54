"""The benchmarks of the cluster's state machines run: nothing else would say that they do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.mark.parametrize(
    "words",
    [
        ["sim_bench.py", "--workers", "20", "--tasks", "1000", "--shape", "independent"],
        ["sim_bench.py", "--workers", "20", "--tasks", "1000", "--shape", "chains"],
        ["sim_bench.py", "--workers", "20", "--tasks", "1000", "--shape", "tree"],
        ["scheduler_bench.py", "--tasks", "1000", "--only", "transposed"],
        ["scheduler_bench.py", "--memory", "1000"],
    ],
)
def test_a_bench_of_the_state_machines_runs(words: list[str]) -> None:
    command = [sys.executable, str(BENCH / words[0]), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "us a task" in done.stdout or "bytes a task" in done.stdout
