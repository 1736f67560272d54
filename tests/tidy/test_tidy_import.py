"""What `import shoal` may cost: each check runs in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The aim is 0.06 s on an idle machine (bench/ measures it); this is the line past which something
# heavy must have slipped in, however slow or busy the machine.
LIMIT_S = 0.3
HEAVY = (
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "fsspec.core",
    "cryptography",
    "IPython",
    "asyncio",
)


def run(program: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    return done.stdout.decode().strip()


def test_import_loads_nothing_heavy() -> None:
    loaded = run(f"import sys, shoal; print(*(m for m in {HEAVY} if m in sys.modules))")
    assert not loaded, f"`import shoal` imports {loaded}; import it where it is used"


def test_import_is_quick() -> None:
    clock = "import time; t = time.process_time(); import shoal; print(time.process_time() - t)"
    fastest_s = min(float(run(clock)) for _ in range(3))
    assert fastest_s < LIMIT_S, f"`import shoal` takes {fastest_s:.3f} s of CPU time"
