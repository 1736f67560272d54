"""Reductions: one engine, and what NumPy reduces with."""

from __future__ import annotations

from shoal.array.reductions.engine import reduction
from shoal.array.reductions.simple import all, any, max, mean, min, prod, sum

__all__ = ["all", "any", "max", "mean", "min", "prod", "reduction", "sum"]
