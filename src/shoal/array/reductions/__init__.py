"""Reductions: one engine, and what NumPy reduces with."""

from __future__ import annotations

from shoal.array.reductions.cumulative import (
    cumprod,
    cumreduction,
    cumsum,
    nancumprod,
    nancumsum,
)
from shoal.array.reductions.engine import reduction
from shoal.array.reductions.engine import tree_reduce as _tree_reduce
from shoal.array.reductions.moments import moment, nanstd, nanvar, std, var
from shoal.array.reductions.nan import nanmax, nanmean, nanmin, nanprod, nansum
from shoal.array.reductions.places import argmax, argmin, argtopk, nanargmax, nanargmin, topk
from shoal.array.reductions.simple import all, any, max, mean, min, prod, sum

__all__ = [
    "_tree_reduce",
    "all",
    "any",
    "argmax",
    "argmin",
    "argtopk",
    "cumprod",
    "cumreduction",
    "cumsum",
    "max",
    "mean",
    "min",
    "moment",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "prod",
    "reduction",
    "std",
    "sum",
    "topk",
    "var",
]
