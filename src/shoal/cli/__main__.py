"""``python -m shoal.cli``: the command, where it is not on the path."""

from __future__ import annotations

from shoal.cli.main import shoal

__all__: list[str] = []

if __name__ == "__main__":
    shoal(prog_name="shoal")
