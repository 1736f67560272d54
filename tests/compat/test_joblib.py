"""joblib's own Dask backend, unmodified, on a cluster of shoal's."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import shoal

pytest.importorskip("joblib")

PROGRAM = """
    from shoal.compat import install_as_dask
    install_as_dask(children=True)
    import joblib
    from dask.distributed import Client

    def plus(x, y):
        return x + len(y)

    def nested(n):
        with joblib.parallel_config(backend="dask"):
            return sum(joblib.Parallel()(joblib.delayed(pow)(i, 2) for i in range(n)))

    if __name__ == "__main__":
        big = bytes(100_000)
        with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
            with joblib.parallel_config(backend="dask"):
                found = joblib.Parallel()(joblib.delayed(plus)(i, big) for i in range(50))
                print(sum(found) == sum(range(50)) + 50 * len(big))
                inner = joblib.Parallel()(joblib.delayed(nested)(i) for i in range(4))
                print(inner == [0, 0, 1, 5])
                try:
                    joblib.Parallel()(joblib.delayed(divmod)(1, i) for i in (1, 0))
                except ZeroDivisionError:
                    print("told")
"""


def test_the_dask_backend_of_joblib(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(PROGRAM))
    source = str(Path(shoal.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.stdout.split() == ["True", "True", "told"], done.stderr
